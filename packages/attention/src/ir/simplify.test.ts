import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Builder } from "./builder.ts";
import { compileElement } from "./evaluate.ts";
import { printNode } from "./print.ts";
import { simplify } from "./simplify.ts";
import { graphCases, positions } from "./testing-graphs.ts";
import type { Node } from "./types.ts";
import { verifyGraph } from "./verify.ts";

const runs = process.env["VIGIL_TEST"] === "full" ? 50_000 : 2_000;

describe.each(["score", "mask"] as const)("a random %s graph", (kind) => {
  test("has the same value at every position after simplification, to the bit", () => {
    const check = fc.property(
      graphCases({ kind }),
      fc.array(positions, { minLength: 8, maxLength: 8 }),
      ({ expression, captures }, points) => {
        const before = compileElement(expression.root, captures);
        const after = compileElement(simplify(expression.root), captures);
        for (const { b, h, q, kv, score } of points) {
          expect(after(b, h, q, kv, score)).toBe(before(b, h, q, kv, score));
        }
      },
    );
    fc.assert(check, { numRuns: runs });
  });

  test("does not change when simplified again", () => {
    const check = fc.property(graphCases({ kind }), ({ expression }) => {
      const once = simplify(expression.root);
      expect(printNode(simplify(once))).toBe(printNode(once));
    });
    fc.assert(check, { numRuns: runs });
  });

  test("obeys the specification before and after", () => {
    const check = fc.property(graphCases({ kind }), ({ expression }) => {
      verifyGraph(expression.root, kind);
      verifyGraph(simplify(expression.root), kind);
    });
    fc.assert(check, { numRuns: runs / 4 });
  });
});

test("a loop unrolled a thousand times is simplified without running out of stack", () => {
  const make = new Builder();
  let root: Node = make.score();
  for (let turn = 0; turn < 1_000; turn++) {
    const divided = make.make("rem", make.index("q"), make.constant("i32", turn + 2));
    const cond = make.make("eq", divided, make.constant("i32", 0));
    const updated = make.make("add", make.make("mul", root, root), make.constant("f32", turn));
    root = make.make("select", cond, updated, root);
  }
  expect(printNode(simplify(root)).split("\n").length).toBeGreaterThan(3_000);
});
