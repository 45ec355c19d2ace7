/**
 * Random score and mask functions as TypeScript text, for fuzzing (development only: imports fast-check).
 *
 * A program is a tree of data; names are chosen when it is printed, among those in scope, so that any part of a tree
 * can be removed and a failing program shrinks. `int`, `float` and `bool` are the types that the tracer should find.
 *
 * Left out is what single precision and 32 bits are documented to change: |x| beyond 2^31 to `x | 0`.
 */
import fc from "fast-check";
import type { Captures } from "./definition.ts";

type Type = "int" | "float" | "bool";

/** `text` with `$i`, `$f`, `$b` for its operands. */
interface Template {
  readonly text: string;
  readonly operands: readonly Type[];
}

type Expression =
  | { readonly leaf: Type; readonly pick: number }
  | { readonly template: Template; readonly operands: readonly Expression[] };

type Statement =
  | { readonly declare: Type; readonly value: Expression }
  | { readonly assign: string; readonly pick: number; readonly value: Expression }
  | { readonly when: Expression; readonly then: Block; readonly otherwise: Block | null }
  | { readonly turns: number; readonly body: Block; readonly leave: Expression | null }
  | { readonly returns: Expression };

type Block = readonly Statement[];

interface Helper {
  readonly parameters: readonly Type[];
  readonly result: Type;
  readonly body: Block;
  readonly value: Expression;
}

interface Program {
  readonly helpers: readonly Helper[];
  readonly body: Block;
  readonly value: Expression;
}

const letters: Readonly<Record<string, Type>> = { i: "int", f: "float", b: "bool" };

const template = (text: string): Template => ({
  text,
  operands: [...text.matchAll(/\$([ifb])/g)].map(([, letter]) => letters[letter ?? ""] ?? "int"),
});

const templates: { readonly [K in Type]: readonly Template[] } = {
  int: [
    ...["$i + $i", "$i - $i", "$i - $i", "$i * 3", "$i * $i", "($i & 255) * $i", "-$i", "+$b"],
    ...["$i % 7", "$i % Math.max(1, $i)", "Math.floor($i / 5)", "Math.floor($i / Math.max(1, $i))"],
    ...[
      "Math.trunc($i / -3)",
      "Math.ceil($i / 4)",
      "Math.round($i / 6)",
      "$i / 9 | 0",
      "~~($i / 2)",
    ],
    ...["$i & $i", "$i | 8", "$i ^ $i", "~$i", "($i & 1023) << 4", "$i >> 2", "($i & 65535) >>> 1"],
    ...[
      "Math.imul($i, $i)",
      "Math.abs($i)",
      "Math.sign($i)",
      "Math.min($i, $i)",
      "Math.max($i, $i)",
    ],
    ...[
      "$b ? $i : $i",
      "$i && $i",
      "$i || $i",
      "ids[$i]",
      "Math.floor(Math.min(9, Math.abs($f))) | 0",
    ],
    ...["$i ** 2", "Number($b)", "pair($i, $i)"],
  ].map(template),
  float: [
    ...["$f + $f", "$f - $f", "$f * $f", "$f / $f", "-$f", "$i / $i", "$i + $f", "$f * $i", "$i"],
    ...[
      "$b ? $f : $f",
      "$b ? $f : $f",
      "$b ? -Infinity : $f",
      "Math.min($f, $f)",
      "Math.max($f, $f)",
    ],
    ...["Math.abs($f)", "Math.floor($f)", "Math.round($f)", "Math.ceil($f)", "Math.trunc($f)"],
    ...[
      "Math.exp($f)",
      "Math.tanh($f)",
      "Math.sin($f)",
      "Math.sqrt(Math.abs($f))",
      "Math.sqrt($f)",
    ],
    ...["Math.log(1 + Math.abs($f))", "Math.atan2($f, $f)", "$f % 3", "$f ** 2", "slopes[$i]"],
    ...[
      "bias[$i][$i]",
      "Math.sign($f)",
      "Math.hypot($f, $f)",
      "Math.cbrt(Math.abs($f))",
      "curve($f)",
    ],
  ].map(template),
  bool: [
    ...[
      "$i < $i",
      "$i <= $i",
      "$i > $i",
      "$i >= $i",
      "$i === $i",
      "$i !== $i",
      "$i < 2.5",
      "0 === $i",
    ],
    ...[
      "$f < $f",
      "$f <= $f",
      "$f > $f",
      "$f >= $f",
      "$b && $b",
      "$b && $b",
      "$b || $b",
      "$b || $b",
    ],
    ...[
      "!$b",
      "!$b",
      "$b ? $b : $b",
      "$b === $b",
      "$b !== $b",
      "flags[$i]",
      "!!$i",
      "near($i, $i)",
    ],
  ].map(template),
};

const isCall = ({ text }: Template): boolean => /pair|curve|near/.test(text);

/** Names and literals before the program declares any; those that matter most last. */
const outer: { readonly [K in Type]: readonly string[] } = {
  int: ["1", "2", "1000", "b", "h", "n", "big", "q", "kv", "q - kv", "kv", "q"],
  float: ["0.1", "2", "(-1.25)", "half", "slope", "kv / 4", "q / 8"],
  bool: ["true", "on", "q >= kv", "kv > 3", "h === 1"],
};

/** Values of the captures that programs read. All exact in single precision. */
export const programCaptures: Captures = {
  n: 5,
  big: 20_000_001,
  half: 0.5,
  slope: -2.25,
  on: true,
  slopes: Float32Array.of(0.5, -0.25, 2, 1.5),
  ids: Int32Array.of(3, 0, -2, 7, 7, 33_554_433),
  flags: [true, false, true],
  bias: [
    [0.5, -1, 2],
    [0.25, 8, -3],
  ],
};

// --- Trees ---

interface Expressions {
  readonly int: fc.Arbitrary<Expression>;
  readonly float: fc.Arbitrary<Expression>;
  readonly bool: fc.Arbitrary<Expression>;
}

function expressions(calls: boolean, maxDepth: number): Expressions {
  return fc.letrec<{ int: Expression; float: Expression; bool: Expression }>((tie) => {
    const grown = (type: Type): fc.Arbitrary<Expression> => {
      const leaf = fc.record({ leaf: fc.constant(type), pick: fc.nat(40) });
      const made = templates[type]
        .filter((one) => calls || !isCall(one))
        .map((one) =>
          fc.record({
            template: fc.constant(one),
            operands: fc.tuple(...one.operands.map((operand) => tie(operand))),
          }),
        );
      return fc.oneof({ maxDepth, depthIdentifier: "expression" }, leaf, ...made);
    };
    return { int: grown("int"), float: grown("float"), bool: grown("bool") };
  });
}

function blocks(of: Expressions, result: Type): fc.Arbitrary<Block> {
  const value = (type: Type): fc.Arbitrary<Expression> => of[type];
  const operators = fc.constantFrom("=", "=", "+=", "-=", "*=", "&&");
  const { block } = fc.letrec<{ block: Block; statement: Statement }>((tie) => {
    const inner = tie("block");
    const declare = fc
      .constantFrom<Type>("int", "float", "bool")
      .chain((type) => fc.record({ declare: fc.constant(type), value: value(type) }));
    const statement: fc.Arbitrary<Statement> = fc.oneof(
      { maxDepth: 2, depthIdentifier: "statement" },
      declare,
      fc.record({ assign: operators, pick: fc.nat(40), value: of.float }),
      fc.record({ when: of.bool, then: inner, otherwise: fc.option(inner) }),
      fc.record({
        when: of.bool,
        then: fc.tuple(fc.record({ returns: of[result] })),
        otherwise: fc.constant(null),
      }),
      fc.record({ turns: fc.integer({ min: 1, max: 3 }), body: inner, leave: fc.option(of.bool) }),
    );
    return { statement, block: fc.array(tie("statement"), { maxLength: 3 }) };
  });
  return block;
}

const helper = (parameters: readonly Type[], result: Type): fc.Arbitrary<Helper> => {
  const of = expressions(false, 2);
  return fc.record({
    parameters: fc.constant(parameters),
    result: fc.constant(result),
    body: blocks(of, result),
    value: of[result],
  });
};

/** The functions that templates call. */
const helpers = fc.tuple(
  helper(["int", "int"], "int"),
  helper(["float"], "float"),
  helper(["int", "int"], "bool"),
);
const helperNames = ["pair", "curve", "near"];

// --- Text ---

type Names = { readonly [K in Type]: readonly string[] };

const annotation: { readonly [K in Type]: string } = {
  int: "number",
  float: "number",
  bool: "boolean",
};

/** Prints one function; `fresh` numbers its variables. */
class Printer {
  #fresh = 0;
  /** Variables that may be assigned, which all are floats. */
  readonly #assignable = new Set<string>();

  name(): string {
    return `v${this.#fresh++}`;
  }

  expression(tree: Expression, names: Names): string {
    if ("leaf" in tree) {
      // The latest first: what a program declares is used.
      const known = names[tree.leaf];
      return `(${known[known.length - 1 - (tree.pick % known.length)] ?? "0"})`;
    }
    const operands = tree.operands.map((operand) => this.expression(operand, names));
    const next = operands.values();
    return `(${tree.template.text.replaceAll(/\$[ifb]/g, () => next.next().value ?? "0")})`;
  }

  block(block: Block, names: Names, indent: string): string {
    let known = names;
    const lines = block.map((statement) => {
      const [line, after] = this.#statement(statement, known, indent);
      known = after;
      return line;
    });
    return lines.join("");
  }

  /** Statements and the names they leave behind. */
  body(block: Block, value: Expression, names: Names, indent: string): string {
    let known = names;
    let text = "";
    for (const statement of block) {
      const [line, after] = this.#statement(statement, known, indent);
      text += line;
      known = after;
    }
    return `${text}${indent}return ${this.expression(value, known)};\n`;
  }

  #statement(statement: Statement, names: Names, indent: string): readonly [string, Names] {
    const more = `${indent}  `;
    const line = (text: string): string => `${indent}${text}\n`;
    if ("declare" in statement) {
      const name = this.name();
      const { declare: type, value } = statement;
      if (type === "float") this.#assignable.add(name);
      const keyword = type === "float" ? "let" : "const";
      const text = `${keyword} ${name}: ${annotation[type]} = ${this.expression(value, names)};`;
      return [line(text), { ...names, [type]: [...names[type], name] }];
    }
    if ("assign" in statement) return [this.#assign(statement, names, line), names];
    if ("returns" in statement) {
      return [line(`return ${this.expression(statement.returns, names)};`), names];
    }
    if ("turns" in statement) {
      const counter = this.name();
      const inside = { ...names, int: [...names.int, counter] };
      const leave =
        statement.leave === null
          ? ""
          : `${more}if (${this.expression(statement.leave, inside)}) break;\n`;
      const body = this.block(statement.body, inside, more);
      const head = `for (let ${counter} = 0; ${counter} < ${statement.turns}; ${counter}++) {`;
      return [`${line(head)}${leave}${body}${line("}")}`, names];
    }
    const condition = this.expression(statement.when, names);
    const then = this.block(statement.then, names, more);
    const otherwise = statement.otherwise && this.block(statement.otherwise, names, more);
    const tail = otherwise === null ? line("}") : `${line("} else {")}${otherwise}${line("}")}`;
    return [`${line(`if (${condition}) {`)}${then}${tail}`, names];
  }

  #assign(
    { assign, pick, value }: Extract<Statement, { assign: string }>,
    names: Names,
    line: (text: string) => string,
  ): string {
    const targets = names.float.filter((name) => this.#assignable.has(name));
    const target = targets[pick % Math.max(1, targets.length)];
    if (target === undefined) return "";
    const text = this.expression(value, names);
    return line(assign === "&&" ? `on && (${target} = ${text});` : `${target} ${assign} ${text};`);
  }
}

function printHelper(
  printer: Printer,
  name: string,
  { parameters, result, body, value }: Helper,
): string {
  const own = parameters.map((type) => ({ type, name: printer.name() }));
  const names = { ...outer };
  for (const { type, name: parameter } of own) names[type] = [...names[type], parameter];
  const list = own
    .map(({ type, name: parameter }) => `${parameter}: ${annotation[type]}`)
    .join(", ");
  const text = printer.body(body, value, names, "      ");
  return `    const ${name} = (${list}): ${annotation[result]} => {\n${text}    };\n`;
}

function printProgram(kind: "score" | "mask", program: Program): string {
  const printer = new Printer();
  const functions = program.helpers.map((one, at) =>
    printHelper(printer, helperNames[at] ?? "", one),
  );
  const names =
    kind === "score" ? { ...outer, float: [...outer.float, "score * 2", "score"] } : outer;
  const body = printer.body(program.body, program.value, names, "    ");
  const position = "{ b, h, q, kv }: { b: number; h: number; q: number; kv: number }";
  const parameters = kind === "score" ? `score: number, ${position}` : position;
  const type = kind === "score" ? "number" : "boolean";
  const list = Object.keys(programCaptures).join(", ");
  return `({ ${list} }: any) =>\n  (${parameters}): ${type} => {\n${functions.join("")}${body}  }`;
}

/** Texts of functions that take `programCaptures` and give a score or mask function. */
export function programs(kind: "score" | "mask"): fc.Arbitrary<string> {
  const of = expressions(true, 3);
  const result = kind === "score" ? "float" : "bool";
  return fc
    .record({ helpers, body: blocks(of, result), value: of[result] })
    .map((program) => printProgram(kind, program));
}
