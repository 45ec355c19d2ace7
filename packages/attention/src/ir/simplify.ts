/**
 * The canonical form of a graph: equal in value at every position, to the bit, and one form for the shapes that
 * minifiers make of one source.
 *
 * Bottom-up, each node is folded if its operands are literals, else rewritten by `rules.ts` until no rule applies;
 * the whole is repeated until nothing changes.
 *
 * An integer divided by zero counts as some integer here, so `q % n === q % n` becomes true. What is left of such
 * divisions, `checkRanges` refuses.
 */
import { Builder, mapGraph, topological } from "./builder.ts";
import type { OperatorOp } from "./builder.ts";
import { Cell, ruleOf } from "./interval-rules.ts";
import { ops } from "./ops.ts";
import { rules } from "./rules.ts";
import type { Maker } from "./choose.ts";
import { scalarOf } from "./scalar.ts";
import { isLiteralChoice } from "./signs.ts";
import type { Expression, Node } from "./types.ts";

const MAX_ROUNDS = 16;

const isLiteral = (node: Node): boolean => node.op === "const";

class Simplifier implements Maker {
  readonly builder: Builder = new Builder();

  make(op: OperatorOp, ...args: readonly Node[]): Node {
    const folded = this.#fold(op, args) ?? this.#foldChoice(op, args);
    if (folded !== null) return folded;
    const [a, b = a, c = b] = args;
    if (a !== undefined && b !== undefined && c !== undefined) {
      for (const rule of rules[op]) {
        const result = rule(this, a, b, c);
        if (result !== null) return result;
      }
    }
    return this.builder.make(op, ...args);
  }

  remake(like: Node, args: readonly Node[]): Node {
    return like.op in rules
      ? this.make(like.op as OperatorOp, ...args)
      : this.builder.rebuild(like, args);
  }

  /**
   * Literals are computed as `evaluate` would. What leaves 32 bits or divides by zero stays, so that
   * `checkRanges` can refuse it with its text.
   */
  #fold(op: OperatorOp, args: readonly Node[]): Node | null {
    const [first] = args;
    if (first === undefined || !args.every(isLiteral)) return null;
    const type = ops[op].type(args.map((arg) => arg.type));
    if (type === null || isUndefinedForIntegers(op, args)) return null;
    const [a = 0, b = 0, c = 0] = args.map((arg) => Number(arg.attr));
    const value = scalarOf(op, first.type)(a, b, c);
    return this.builder.constant(type, type === "bool" ? value !== 0 : value);
  }

  /** `f(c ? 1 : 2)` is `c ? f(1) : f(2)`, which needs no f. */
  #foldChoice(op: OperatorOp, args: readonly Node[]): Node | null {
    if (op === "select" || !args.every(isLiteralChoice)) return null;
    const choices = args.filter((arg) => !isLiteral(arg));
    const [choice] = choices;
    if (choices.length !== 1 || choice === undefined) return null;
    const at = args.indexOf(choice);
    const push = (node: Node): Node | null => {
      if (isLiteral(node)) return this.#fold(op, args.with(at, node));
      const [cond, a, b] = node.args;
      if (cond === undefined || a === undefined || b === undefined) return null;
      const whenTrue = push(a);
      const whenFalse = push(b);
      return whenTrue && whenFalse && this.make("select", cond, whenTrue, whenFalse);
    };
    return push(choice);
  }
}

function isUndefinedForIntegers(op: OperatorOp, args: readonly Node[]): boolean {
  const [a, b = a, c = b] = args.map((arg) => pointOf(arg));
  if (a === undefined || b === undefined || c === undefined || args[0]?.type !== "i32")
    return false;
  if ((op === "floorDiv" || op === "truncDiv" || op === "rem") && b.lo === 0) return true;
  const out = new Cell();
  ruleOf(op, "i32")(out, a, b, c);
  return out.wraps;
}

function pointOf(node: Node): Cell {
  const cell = new Cell();
  cell.lo = Number(node.attr);
  cell.hi = cell.lo;
  return cell;
}

/** The canonical graph, in a builder of its own. Idempotent. */
export function simplify(root: Node): Node {
  const simplifier = new Simplifier();
  let node = mapGraph(root, (old, args) => simplifier.builder.rebuild(old, args));
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const next = mapGraph(node, (old, args) => simplifier.remake(old, args));
    if (next === node) break;
    node = next;
  }
  return node;
}

/** Simplifies the root, and drops the captures that it no longer reads. */
export function simplifyExpression(expression: Expression): Expression {
  const root = simplify(expression.root);
  const read = new Set(topological([root]).map((node) => `${node.op} ${String(node.attr)}`));
  return {
    kind: expression.kind,
    root,
    uniforms: expression.uniforms.filter((spec) => read.has(`uniform ${spec.name}`)),
    tensors: expression.tensors.filter((spec) => read.has(`load ${spec.name}`)),
  };
}
