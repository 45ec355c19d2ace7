/**
 * The executable specification of the IR: one rule per line of `specification`, for every node of a graph.
 *
 * Passes are tested with it before and after. A graph that breaks a rule is our mistake, never the user's.
 */
import { structureDigest, topological } from "./builder.ts";
import { ops } from "./ops.ts";
import { axes } from "./types.ts";
import type { Expression, LeafOp, Node, ScalarType } from "./types.ts";

interface Graph {
  readonly kind: Expression["kind"];
  /** The first node of each digest: nodes of equal structure share one. */
  readonly firstOf: ReadonlyMap<string, Node>;
  /** What the first node that names a capture says it is. */
  readonly captures: ReadonlyMap<string, string>;
}

interface NodeRule {
  readonly says: string;
  holds(node: Node, graph: Graph): boolean;
}

type OwnOp = LeafOp | "load";

const fits = (type: ScalarType, value: Node["attr"]): boolean =>
  type === "bool"
    ? typeof value === "boolean"
    : typeof value === "number" &&
      Object.is(value, type === "i32" ? value | 0 : Math.fround(value));

/** What the ops without operand types of their own require. */
const own: { readonly [K in OwnOp]: (node: Node) => boolean } = {
  const: ({ type, attr }) => fits(type, attr),
  index: ({ type, attr }) => type === "i32" && axes.some((axis) => axis === attr),
  score: ({ type, attr }) => type === "f32" && attr === null,
  uniform: ({ type, attr }) => type !== "bool" && typeof attr === "string",
  load: ({ attr, args }) => typeof attr === "string" && args.every(({ type }) => type === "i32"),
};

const hasOwnRule = (op: Node["op"]): op is OwnOp => op in own;

/** Nodes that name one capture agree on what it is. */
const signature = ({ op, type, args }: Node): string => `${op} ${type} ${args.length}`;
const namesCapture = ({ op }: Node): boolean => op === "uniform" || op === "load";

function describeGraph(nodes: readonly Node[], kind: Expression["kind"]): Graph {
  const firstOf = new Map<string, Node>();
  const captures = new Map<string, string>();
  for (const node of nodes.toReversed()) {
    firstOf.set(node.digest, node);
    if (namesCapture(node)) captures.set(String(node.attr), signature(node));
  }
  return { kind, firstOf, captures };
}

const specification: readonly NodeRule[] = [
  {
    says: "an op has as many operands as its row in the op table",
    holds: ({ op, args }) => ops[op].arity === "any" || ops[op].arity === args.length,
  },
  {
    says: "the type follows from the operands' types by the op table",
    holds: (node) =>
      hasOwnRule(node.op) || ops[node.op].type(node.args.map(({ type }) => type)) === node.type,
  },
  {
    says: "a leaf or load has the attribute and the type that belong to it",
    holds: (node) => (hasOwnRule(node.op) ? own[node.op](node) : node.attr === null),
  },
  {
    says: "operands of a commutative op are ordered by digest",
    holds: ({ op, args: [a, b] }) =>
      !ops[op].commutative || (a !== undefined && b !== undefined && a.digest <= b.digest),
  },
  {
    says: "the digest is that of the structure",
    holds: (node) => structureDigest(node) === node.digest,
  },
  {
    says: "equal structure is one object",
    holds: (node, { firstOf }) => firstOf.get(node.digest) === node,
  },
  {
    says: "a capture has one type and one rank",
    holds: (node, { captures }) =>
      !namesCapture(node) || captures.get(String(node.attr)) === signature(node),
  },
  {
    says: "a mask never reads the score",
    holds: ({ op }, { kind }) => op !== "score" || kind === "score",
  },
  {
    says: "a node is frozen",
    holds: (node) => Object.isFrozen(node),
  },
];

const broken = (says: string, where: string): Error =>
  new Error(`internal: IR rule broken (${says}) at ${where}; please report this`);

const rootType: { readonly [K in Expression["kind"]]: ScalarType } = { score: "f32", mask: "bool" };

/** @throws Error  a rule of the specification is broken; says which, and at which op */
export function verifyGraph(root: Node, kind: Expression["kind"]): void {
  const nodes = topological([root]);
  const graph = describeGraph(nodes, kind);
  if (root.type !== rootType[kind]) throw broken(`a ${kind} is ${rootType[kind]}`, root.type);
  for (const node of nodes) {
    for (const { says, holds } of specification) {
      if (!holds(node, graph)) throw broken(says, `${node.op} ${String(node.attr)}`);
    }
  }
}

/** @throws Error  as `verifyGraph`, or the lists of captures are not what the root reads, sorted by name */
export function verifyExpression({ kind, root, uniforms, tensors }: Expression): void {
  verifyGraph(root, kind);
  const nodes = topological([root]);
  const reads = (op: "uniform" | "load", describe: (node: Node) => string): string => {
    const read = nodes.filter((node) => node.op === op);
    const byName = new Map(read.map((node) => [String(node.attr), describe(node)]));
    return [...byName.keys()]
      .toSorted()
      .map((name) => `${name}: ${byName.get(name) ?? ""}`)
      .join("; ");
  };
  const listedUniforms = uniforms.map(({ name, type }) => `${name}: ${type}`).join("; ");
  if (listedUniforms !== reads("uniform", ({ type }) => type)) {
    throw broken("the uniforms are those read, sorted by name", listedUniforms);
  }
  const listedTensors = tensors
    .map(({ name, type, rank }) => `${name}: ${type}[${rank}]`)
    .join("; ");
  if (listedTensors !== reads("load", ({ type, args }) => `${type}[${args.length}]`)) {
    throw broken("the tensors are those read, sorted by name", listedTensors);
  }
}
