/** The compiler itself made faulty: expressions, and with them the budget, are wrong alike, and a case that shows it has to fail. */
import { afterEach, expect, test, vi } from "vitest";
import type * as Simplify from "../ir/simplify.ts";
import { openReference } from "../reference/device.ts";
import type * as Operators from "../trace/operators.ts";
import { conforms } from "./conformance.ts";

const fault = vi.hoisted(() => ({
  operator: null as readonly [string, string] | null,
  negates: false,
}));

vi.mock("../trace/operators.ts", async (load) => {
  const actual = await load<typeof Operators>();
  const applyBinary: typeof actual.applyBinary = (builder, operator, ...rest) => {
    const [from, to] = fault.operator ?? ["", ""];
    return actual.applyBinary(builder, operator === from ? to : operator, ...rest);
  };
  return { ...actual, applyBinary };
});

vi.mock("../ir/simplify.ts", async (load) => {
  const actual = await load<typeof Simplify>();
  const { Builder, mapGraph } = await import("../ir/builder.ts");
  const simplify: typeof actual.simplify = (root) => {
    const builder = new Builder();
    const copy = mapGraph(actual.simplify(root), (node, args) => builder.rebuild(node, args));
    return fault.negates && copy.type === "f32" ? builder.make("neg", copy) : copy;
  };
  return { ...actual, simplify };
});

afterEach(() => {
  fault.operator = null;
  fault.negates = false;
});

/** The outcome of one variant's cases of moderate size. */
async function outcome(variant: string): Promise<{ passed: number; problems: string[] }> {
  const { cases, failures } = await conforms(openReference(), {
    only: ({ variant: name, M, N }) => name === variant && M * N >= 64,
  });
  const problems = failures.map(({ problems: [first = ""] }) => first);
  return { passed: cases - failures.length, problems };
}

test("without a fault the variants pass", { timeout: 60_000 }, async () => {
  for (const variant of ["relative-position", "causal", "dilated-window"]) {
    const { passed, problems } = await outcome(variant);
    expect(problems).toEqual([]);
    expect(passed).toBeGreaterThan(0);
  }
});

test.each([
  ["relative-position", ["-", "+"]],
  ["causal", [">=", ">"]],
  ["dilated-window", ["%", "/"]],
] as const)(
  "cases of %s fail where %j are mistaken",
  { timeout: 60_000 },
  async (variant, operator) => {
    fault.operator = operator;
    const { problems } = await outcome(variant);
    expect(problems.length).toBeGreaterThan(0);
    for (const problem of problems)
      expect(problem).toMatch(/^(score|mask) at b = .* the compiler misread/);
  },
);

test("cases fail where simplification changes the meaning", { timeout: 60_000 }, async () => {
  fault.negates = true;
  const { problems } = await outcome("relative-position");
  expect(problems.length).toBeGreaterThan(0);
  for (const problem of problems) expect(problem).toMatch(/once simplified; the compiler changed/);
});
