/**
 * One place for the sign of a product: `-(a * 2) / b`, `a * -2 / b` and `-a * (2 / b)` are one node each way.
 *
 * A sign may go to any factor, exactly, for integers modulo 2^32 and for floats. It goes to the first literal of
 * the product if there is one, else in front of the whole.
 */
import type { Maker } from "./choose.ts";
import type { Node } from "./types.ts";

/** `node`, or its negation. */
export interface Signed {
  readonly node: Node;
  readonly negative: boolean;
}

/** A literal, or a choice between such. */
export const isLiteralChoice = (node: Node): boolean =>
  node.op === "const" || (node.op === "select" && node.args.slice(1).every(isLiteralChoice));

/** Products, and remainders of floats, which have the sign of the dividend. */
export const isProduct = ({ op, type }: Node): boolean =>
  op === "mul" || op === "div" || (op === "rem" && type === "f32");

/** The negated literal or choice of literals; null where one cannot be negated in its type. */
export function negatedLiteral(make: Maker, node: Node): Node | null {
  if (!isLiteralChoice(node) || node.type === "bool") return null;
  const minus = make.make("neg", node);
  return isLiteralChoice(minus) ? minus : null;
}

function splitLiteral(make: Maker, node: Node): Signed {
  const minus = negatedLiteral(make, node);
  const value = Number(node.attr);
  // A choice has no sign of its own: of the two that are each other's negation, one counts as positive.
  const negative =
    minus !== null &&
    (node.op === "const" ? value < 0 || Object.is(value, -0) : minus.digest < node.digest);
  return { node: negative ? minus : node, negative };
}

/** Takes all signs out of a product. */
export function splitSign(make: Maker, node: Node): Signed {
  const [a, b] = node.args;
  if (isLiteralChoice(node)) return splitLiteral(make, node);
  if (node.op === "neg" && a !== undefined) {
    const inner = splitSign(make, a);
    return { node: inner.node, negative: !inner.negative };
  }
  if (!isProduct(node) || a === undefined || b === undefined) return { node, negative: false };
  const [x, y] = [splitSign(make, a), splitSign(make, b)];
  if (x.node === a && y.node === b) return { node, negative: false };
  const negative = node.op === "rem" ? x.negative : x.negative !== y.negative;
  return { node: make.remake(node, [x.node, y.node]), negative };
}

/** The product with a sign at its first literal; null where it has none. */
function placeSign(make: Maker, node: Node): Node | null {
  if (isLiteralChoice(node)) return negatedLiteral(make, node);
  if (!isProduct(node)) return null;
  const factors = node.op === "rem" ? node.args.slice(0, 1) : node.args;
  for (const [at, arg] of factors.entries()) {
    const minus = placeSign(make, arg);
    if (minus !== null) return make.builder.rebuild(node, node.args.with(at, minus));
  }
  return null;
}

/** `-node` for a product without signs. */
export function negateProduct(make: Maker, node: Node): Node {
  if (!isProduct(node)) return make.make("neg", node);
  return placeSign(make, node) ?? make.builder.make("neg", node);
}
