/**
 * From an expression graph to C statements, at one place of a kernel.
 *
 * Every node is one statement, at the outermost level at which its operands are known. What depends on neither the lane axis nor
 * the score is a number, computed once for all lanes; anything else is a vector, and stands in the loop over the
 * vectors of a panel, whose variable is `j`.
 */
import { topological } from "../../../ir/builder.ts";
import type { OperatorOp } from "../../../ir/builder.ts";
import type { Axis, Node } from "../../../ir/types.ts";
import { internalError } from "../../../errors.ts";
import { laneForm } from "./lane-ops.ts";
import { floatLiteral, intLiteral } from "./literals.ts";
import { stepOf } from "./loads.ts";
import type { Captures } from "./loads.ts";
import { cType, lanes, operand, vectorType } from "./operand.ts";
import type { Operand } from "./operand.ts";
import { scalarForm } from "./scalar-ops.ts";

/** What a node may depend on. */
type Source = Axis | "score";

/** Where an expression stands. */
export interface Site {
  /** The axis along the lanes: queries in forward, keys in decode. */
  readonly laneAxis: "q" | "kv";
  /** Each axis in C: a number, or for the lane axis the positions of vector j. */
  readonly axes: Readonly<Record<Axis, string>>;
  /** The score of vector j as a natural logit, dot * scale, and its parts; null for masks, which do not read it. */
  readonly score: { readonly logit: string; readonly dot: string; readonly scale: string } | null;
}

/** An expression's statements, by the place where they belong. */
export interface Lowered {
  /** Before the loops: captures, numbers, and vectors that depend on queries alone. */
  readonly outside: readonly string[];
  /** Forward, in the loop over keys: numbers. */
  readonly perKey: readonly string[];
  /** In the loop over j. */
  readonly inside: readonly string[];
  /** The root's value, a vector. */
  readonly result: string;
}

type Level = "outside" | "perKey" | "inside";

class Lowering {
  readonly lines: { readonly [K in Level]: string[] } = { outside: [], perKey: [], inside: [] };
  readonly names = new Set<string>();
  readonly #site: Site;
  readonly #captures: Captures;
  readonly #sources = new Map<Node, ReadonlySet<Source>>();
  readonly #values = new Map<Node, Operand>();
  readonly #folded: ReadonlySet<Node>;

  /** @param folded  nodes that are written as part of their only user */
  constructor(site: Site, captures: Captures, folded: ReadonlySet<Node>) {
    this.#site = site;
    this.#captures = captures;
    this.#folded = folded;
  }

  add(node: Node, number: number): void {
    this.#sources.set(node, this.#sourcesOf(node));
    if (this.#folded.has(node)) return;
    this.#values.set(node, this.#leaf(node) ?? this.#statement(node, number));
  }

  lanesOf(node: Node): string {
    return lanes(this.#value(node));
  }

  #sourcesOf({ op, attr, args }: Node): ReadonlySet<Source> {
    if (op === "index") return new Set([attr as Axis]);
    if (op === "score") return new Set(["score"]);
    return new Set(args.flatMap((arg) => [...(this.#sources.get(arg) ?? [])]));
  }

  #varies(node: Node, ...by: readonly Source[]): boolean {
    const sources = this.#sources.get(node);
    return by.some((source) => sources?.has(source));
  }

  /** Whether lanes may differ. */
  #isVector(node: Node): boolean {
    return this.#varies(node, this.#site.laneAxis, "score");
  }

  /** A value that needs no statement. */
  #leaf(node: Node): Operand | null {
    const { type, attr } = node;
    const plain = { type, isVector: this.#isVector(node), literal: null };
    if (node.op === "index") return { ...plain, text: this.#site.axes[attr as Axis] };
    if (node.op === "score") return { ...plain, text: this.#site.score?.logit ?? "" };
    if (node.op === "const") {
      const value = Number(attr);
      return {
        ...plain,
        text: type === "f32" ? floatLiteral(value) : intLiteral(value),
        literal: value,
      };
    }
    if (node.op !== "uniform") return null;
    this.names.add(String(attr));
    return { ...plain, text: this.#captures.uniform(String(attr)) };
  }

  #statement(node: Node, number: number): Operand {
    const { type } = node;
    const name = `${node.op}${number}`;
    const value = this.#valueOf(node);
    const isVector = this.#isVector(node);
    const made = { type, isVector, literal: null };
    if (this.#level(node) !== "outside" || !isVector) {
      const declared = (isVector ? vectorType : cType)[type];
      this.lines[this.#level(node)].push(`const ${declared} ${name} = ${value};`);
      return { ...made, text: name };
    }
    this.lines.outside.push(
      `${vectorType[type]} ${name}[NV];`,
      `EACH_VECTOR ${name}[j] = ${value};`,
    );
    return { ...made, text: `${name}[j]` };
  }

  #level(node: Node): Level {
    const isForward = this.#site.laneAxis === "q";
    if (this.#isVector(node)) {
      return isForward && !this.#varies(node, "kv", "score") ? "outside" : "inside";
    }
    return isForward && this.#varies(node, "kv") ? "perKey" : "outside";
  }

  #valueOf(node: Node): string {
    const [only] = node.args;
    if (only !== undefined && this.#folded.has(only)) {
      return this.#isVector(only)
        ? `v_tanh(${this.#divided("v_over", only)})`
        : `v_tanh(v_set(${scalarForm("div", "f32")(only.args.map((arg) => this.#value(arg)))}))[0]`;
    }
    if (node.op === "div" && this.#isVector(node)) return this.#divided("v_divide", node);
    const args = node.args.map((arg) => this.#value(arg));
    if (node.op === "load") return this.#load(node, args);
    const op = node.op as OperatorOp;
    const { type } = operand(args, 0);
    return (this.#isVector(node) ? laneForm : scalarForm)(op, type)(args);
  }

  /** A quotient; by a number that all lanes share, with its reciprocal, which is computed where the number is. */
  #divided(name: "v_over" | "v_divide", { args: [above, below] }: Node): string {
    if (above === undefined || below === undefined) throw internalError("a quotient of nothing");
    const [a, b] = [this.#value(above), this.#value(below)];
    if (b.isVector) return laneForm("div", "f32")([a, b]);
    const one = `one${this.lines.outside.length}_${this.lines.perKey.length}`;
    const before = this.lines[this.#level(below)];
    before.push(`const float ${one} = s_reciprocal(${b.text});`);
    if (name === "v_divide" || above.op !== "score" || this.#site.score === null) {
      return `${name}(${lanes(a)}, ${b.text}, ${one})`;
    }
    // The scale goes into the reciprocal.
    const { dot, scale, logit } = this.#site.score;
    return `(${one} == 0.0f ? ${logit} / ${b.text} : ${dot} * (${scale} * ${one}))`;
  }

  #load(node: Node, indices: readonly Operand[]): string {
    const name = String(node.attr);
    this.names.add(name);
    if (!this.#isVector(node)) return this.#captures.scalar(name, indices);
    const last = node.args.at(-1);
    const step =
      last === undefined ? null : stepOf(last, this.#site.laneAxis, (arg) => !this.#isVector(arg));
    return this.#captures.lanes(name, indices, step === 1 || step === -1 ? step : 0);
  }

  #value(node: Node): Operand {
    const value = this.#values.get(node);
    if (value === undefined) throw internalError(`${node.op} is used before it is computed`);
    return value;
  }
}

/** Quotients that only a hyperbolic tangent reads (soft-capping): the function is smooth, so they need not be exact. */
function foldedNodes(nodes: readonly Node[], root: Node): Set<Node> {
  const users = new Map<Node, number>([[root, 1]]);
  for (const arg of nodes.flatMap(({ args }) => args)) users.set(arg, (users.get(arg) ?? 0) + 1);
  const quotients = nodes
    .filter(({ op }) => op === "tanh")
    .flatMap(({ args }) => args)
    .filter(({ op }) => op === "div");
  return new Set(quotients.filter((node) => users.get(node) === 1));
}

/** What is added to the score, where that is all that the root does. */
function addedToScore({ op, args: [a, b] }: Node, nodes: readonly Node[]): Node | null {
  if (op !== "add" || a === undefined || b === undefined) return null;
  const reads = nodes.flatMap(({ args }) => args).filter((arg) => arg.op === "score").length;
  const other = a.op === "score" ? b : b.op === "score" ? a : null;
  return reads === 1 ? other : null;
}

export function lower(root: Node, site: Site, captures: Captures): Lowered {
  const nodes = topological([root]);
  const added = site.score === null ? null : addedToScore(root, nodes);
  const folded = foldedNodes(nodes, root);
  const lowering = new Lowering(site, captures, added === null ? folded : folded.add(root));
  nodes.forEach((node, number) => lowering.add(node, number));
  const { outside, perKey, inside } = lowering.lines;
  const result =
    added === null || site.score === null
      ? lowering.lanesOf(root)
      : `v_fma(${site.score.dot}, v_set(${site.score.scale}), ${lowering.lanesOf(added)})`;
  return {
    outside: [...captures.declare(lowering.names), ...outside],
    ...{ perKey, inside, result },
  };
}
