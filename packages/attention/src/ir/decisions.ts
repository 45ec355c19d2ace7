/**
 * One form for each decision, however it was written.
 *
 * `&&`, `||`, `!`, `?:` and chains of early returns are read as boolean functions of *atoms* (comparisons and loaded
 * booleans), and written again from their truth tables. Early returns that a minifier has merged, negated,
 * nested or turned into `?:` are the same function of the same atoms, so they reach the same nodes. Functions
 * of more than `MAX_ATOMS` atoms, or with no short form, keep their shape, sorted (`sorted-decisions.ts`).
 */
import { atomsUnder, byDigest } from "./atoms.ts";
import { choose, isOneCall } from "./choose.ts";
import type { Maker } from "./choose.ts";
import { Decision } from "./decision.ts";
import type { Leaves } from "./decision.ts";
import { sortedDecision } from "./sorted-decisions.ts";
import type { Node } from "./types.ts";

const MAX_ATOMS = 10;

/** The canonical node equal to `root`, a connective or a select. */
export function canonicalDecision(maker: Maker, root: Node): Node {
  const [cond, a, b] = root.args;
  if (root.op === "select" && cond !== undefined && a !== undefined && b !== undefined) {
    if (isOneCall(maker, cond, a, b)) return choose(maker, cond, a, b);
  }
  const atoms = [...atomsUnder(maker.builder, root, MAX_ATOMS)].toSorted(byDigest);
  if (atoms.length > MAX_ATOMS) return sortedDecision(maker, root);
  const decision = new Decision(maker.builder, atoms);
  const node =
    root.type === "bool"
      ? (decision.write(decision.tableOf(root), 0n)?.node ?? null)
      : writeLeaves(maker, decision, decision.leavesOf(root));
  return node ?? sortedDecision(maker, root);
}

/** A chain of selects: the leaf with the shortest condition first, given that none before it was chosen. */
function writeLeaves(maker: Maker, decision: Decision, leaves: Leaves): Node | null {
  const chain: { cond: Node; leaf: Node }[] = [];
  const left = [...leaves].toSorted(([x], [y]) => byDigest(x, y));
  let taken = 0n;
  while (left.length > 1) {
    const written = left.map(([, table]) => decision.write(table, taken));
    const costs = written.map((one) => one?.cost ?? Infinity);
    const at = costs.indexOf(Math.min(...costs));
    const cond = written[at]?.node;
    const [chosen] = left.splice(at, 1);
    if (cond === undefined || chosen === undefined) return null;
    const [leaf, table] = chosen;
    chain.push({ cond, leaf });
    taken |= table;
  }
  const last = left[0]?.[0];
  if (last === undefined) throw new Error("internal: a select without a leaf; please report this");
  return chain.reduceRight((rest, { cond, leaf }) => choose(maker, cond, leaf, rest), last);
}
