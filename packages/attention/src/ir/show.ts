/**
 * An expression as JavaScript, for messages and displays: `q - kv <= width`.
 *
 * Operands of commutative operations are in the canonical order of the graph, except that literals come last, so the
 * text is not always the user's own.
 */
import { topological } from "./builder.ts";
import type { Node, Op } from "./types.ts";

/** Text with the precedence of its outermost operator, as JavaScript ranks them. */
interface Phrase {
  readonly text: string;
  readonly rank: number;
}

type Form = (node: Node, args: readonly Phrase[]) => Phrase;

const PRIMARY = 18;
const UNARY = 14;
const POWER = 13;
const TERNARY = 2;

const primary = (text: string): Phrase => ({ text, rank: PRIMARY });

const wrap = ({ text, rank }: Phrase, least: number): string => (rank < least ? `(${text})` : text);

const at = (args: readonly Phrase[], place: number): Phrase => args[place] ?? primary("?");

/** Left to right: `a - (b - c)` keeps its parentheses. */
const infix =
  (symbol: string, rank: number): Form =>
  (_, args) => ({
    text: `${wrap(at(args, 0), rank)} ${symbol} ${wrap(at(args, 1), rank + 1)}`,
    rank,
  });

const isLiteral = (node: Node | undefined): boolean => node?.op === "const";

/** For an operation that may be turned around: a literal on the left goes to the right. */
const turning =
  (form: Form, turned: Form): Form =>
  (node, args) =>
    isLiteral(node.args[0]) && !isLiteral(node.args[1])
      ? turned(node, args.toReversed())
      : form(node, args);

const commuting = (form: Form): Form => turning(form, form);

const prefix =
  (symbol: string): Form =>
  (_, args) => {
    const operand = wrap(at(args, 0), UNARY);
    return { text: symbol + (operand.startsWith(symbol) ? `(${operand})` : operand), rank: UNARY };
  };

const call =
  (name: string): Form =>
  (_, args) =>
    primary(`${name}(${args.map((arg) => wrap(arg, TERNARY)).join(", ")})`);

const math = (name: string): Form => call(`Math.${name}`);

const rounded =
  (name: string): Form =>
  (node, args) =>
    math(name)(node, [infix("/", 12)(node, args)]);

/** `x + -5` reads better as `x - 5`. */
const sum: Form = commuting((node, args) => {
  const right = at(args, 1);
  return right.text.startsWith("-") && right.rank === UNARY
    ? infix("-", 11)(node, args.with(1, { text: right.text.slice(1), rank: PRIMARY }))
    : infix("+", 11)(node, args);
});

/** The shortest decimal that is this number in single precision. */
function shortest(value: number): string {
  for (let digits = 1; digits <= 9; digits++) {
    const text = String(Number(value.toPrecision(digits)));
    if (Math.fround(Number(text)) === value) return text;
  }
  return String(value);
}

const literal: Form = ({ attr, type }) => {
  if (typeof attr !== "number") return primary(String(attr));
  const text = Object.is(attr, -0) ? "-0" : type === "f32" ? shortest(attr) : String(attr);
  return { text, rank: text.startsWith("-") ? UNARY : PRIMARY };
};

const named: Form = ({ attr }) => primary(String(attr));

const forms: { readonly [K in Op]: Form } = {
  const: literal,
  index: named,
  score: () => primary("score"),
  uniform: named,
  load: ({ attr }, args) => primary(String(attr) + args.map(({ text }) => `[${text}]`).join("")),

  add: sum,
  sub: infix("-", 11),
  mul: commuting(infix("*", 12)),
  div: infix("/", 12),
  rem: infix("%", 12),
  neg: prefix("-"),
  abs: math("abs"),
  sign: math("sign"),
  min: commuting(math("min")),
  max: commuting(math("max")),
  floorDiv: rounded("floor"),
  truncDiv: rounded("trunc"),
  imul: commuting(math("imul")),

  bitAnd: commuting(infix("&", 7)),
  bitOr: commuting(infix("|", 5)),
  bitXor: commuting(infix("^", 6)),
  bitNot: prefix("~"),
  shl: infix("<<", 10),
  shr: infix(">>", 10),
  ushr: infix(">>>", 10),

  floor: math("floor"),
  ceil: math("ceil"),
  round: math("round"),
  trunc: math("trunc"),

  sqrt: math("sqrt"),
  cbrt: math("cbrt"),
  exp: math("exp"),
  expm1: math("expm1"),
  log: math("log"),
  log1p: math("log1p"),
  log2: math("log2"),
  log10: math("log10"),
  // Right to left, and JavaScript refuses a sign on the left.
  pow: (_, args) => ({
    text: `${wrap(at(args, 0), UNARY + 1)} ** ${wrap(at(args, 1), POWER)}`,
    rank: POWER,
  }),
  hypot: math("hypot"),
  sin: math("sin"),
  cos: math("cos"),
  tan: math("tan"),
  asin: math("asin"),
  acos: math("acos"),
  atan: math("atan"),
  atan2: math("atan2"),
  sinh: math("sinh"),
  cosh: math("cosh"),
  tanh: math("tanh"),
  asinh: math("asinh"),
  acosh: math("acosh"),
  atanh: math("atanh"),

  lt: turning(infix("<", 9), infix(">", 9)),
  le: turning(infix("<=", 9), infix(">=", 9)),
  eq: commuting(infix("===", 8)),
  ne: commuting(infix("!==", 8)),

  and: infix("&&", 4),
  or: infix("||", 3),
  not: prefix("!"),
  select: (_, args) => ({
    text: `${wrap(at(args, 0), TERNARY + 1)} ? ${wrap(at(args, 1), TERNARY)} : ${wrap(at(args, 2), TERNARY)}`,
    rank: TERNARY,
  }),

  toF32: (node, args) => (node.args[0]?.type === "bool" ? call("Number")(node, args) : at(args, 0)),
  toI32: (node, args) =>
    node.args[0]?.type === "bool" ? call("Number")(node, args) : math("trunc")(node, args),
};

/**
 * For example `q - kv <= width && doc[q] === doc[kv]`. An operand of more than `longest` characters is `…`: shared
 * operands are written out each time, so that a small graph can have a text without end.
 */
export function showNode(root: Node, longest: number = 400): string {
  const phrases = new Map<Node, Phrase>();
  const operandOf = (node: Node): Phrase => {
    const phrase = phrases.get(node) ?? primary("?");
    return phrase.text.length > longest ? primary("…") : phrase;
  };
  for (const node of topological([root])) {
    phrases.set(node, forms[node.op](node, node.args.map(operandOf)));
  }
  return phrases.get(root)?.text ?? "";
}
