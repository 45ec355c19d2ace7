/** Random programs of branches, loops, jumps and assignments return what JavaScript returns. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { compileElement } from "../ir/evaluate.ts";
import { traceText } from "./trace-mod.ts";

/** Small integers, so that nothing leaves 32 bits and every result is exact. */
const operand = fc.constantFrom("q", "kv", "x", "y", "z", "1", "2", "-3");

const expression: fc.Arbitrary<string> = fc
  .tuple(operand, fc.constantFrom("+", "-", "*", "|", "&"), operand)
  .map(([a, op, b]) => `(${a} ${op} ${b}) % 7`);

const condition: fc.Arbitrary<string> = fc.oneof(
  fc
    .tuple(operand, fc.constantFrom("<", "<=", "===", "!=="), operand)
    .map((part) => part.join(" ")),
  fc.tuple(operand, operand, operand).map(([a, b, c]) => `${a} > ${b} && !(${b} > ${c})`),
  fc.tuple(operand, operand, operand).map(([a, b, c]) => `(${a} < ${b} || (x = ${c}) > 1)`),
);

const target = fc.constantFrom("x", "y", "z");

const assignment = fc
  .tuple(target, fc.constantFrom("=", "+=", "-=", "||=", "&&="), expression)
  .map(([name, op, value]) => `${name} ${op} ${value};`);

/** Statements by depth: `break` and `continue` only inside of a loop, loops only near the surface. */
function statement(depth: number, inLoop: boolean): fc.Arbitrary<string> {
  const leaves = [
    assignment,
    expression.map((value) => `return ${value};`),
    fc.tuple(condition, assignment).map(([test_, then]) => `${test_} && (${then.slice(0, -1)});`),
    fc.tuple(expression, expression).map(([a, b]) => `z = set(${a}) + set(${b});`),
    ...(inLoop ? [fc.constantFrom("break;", "continue;")] : []),
  ];
  if (depth === 0) return fc.oneof(...leaves);
  const block = statements(depth - 1, inLoop).map((text) => `{ ${text} }`);
  const branch = fc.tuple(condition, block, block).map(([c, a, b]) => `if (${c}) ${a} else ${b}`);
  const guard = fc.tuple(condition, block).map(([c, a]) => `if (${c}) ${a}`);
  const body = statements(depth - 1, true).map((text) => `{ ${text} }`);
  const loop = fc
    .tuple(fc.constantFrom("i < 3", "i < 2 && x < 5", "i < 3 && q !== i"), body)
    .map(([bound, text]) => `for (let i = 0; ${bound}; i++) ${text}`);
  return fc.oneof(...leaves, branch, guard, guard, ...(inLoop ? [] : [loop]));
}

function statements(depth: number, inLoop: boolean): fc.Arbitrary<string> {
  return fc
    .array(statement(depth, inLoop), { minLength: 1, maxLength: 3 })
    .map((lines) => lines.join(" "));
}

const program = statements(2, false).map(
  (body) => `(score, { q, kv }) => {
    let x = q, y = kv, z = 0;
    const set = (n) => { if (n > 2) { y = n; return 1; } x -= n; return y; };
    ${body}
    return (x + 10 * y + 100 * z) % 1000;
  }`,
);

test("a traced program returns what JavaScript returns", () => {
  fc.assert(
    fc.property(program, (text) => {
      const run = (0, eval)(text) as (score: number, at: { q: number; kv: number }) => number;
      const { expression, captures } = traceText(text, "score");
      const element = compileElement(expression.root, captures);
      for (let q = 0; q < 5; q++) {
        for (let kv = 0; kv < 5; kv++) {
          // An i32 has no negative zero.
          expect(Number(element(0, 0, q, kv, 0)) + 0).toBe(run(0, { q, kv }) + 0);
        }
      }
    }),
    { numRuns: process.env["VIGIL_TEST"] === "full" ? 2000 : 200 },
  );
}, 300_000);
