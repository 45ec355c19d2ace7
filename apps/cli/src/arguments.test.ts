import { expect, test } from "vitest";
import { readArguments } from "./arguments.ts";
import { choice, flag, integer, text } from "./options.ts";
import { UsageError } from "./usage-error.ts";

const options = {
  threads: integer("threads", { min: 1, max: 256 }, 1),
  device: choice("device", ["wasm", "reference"], "wasm"),
  svg: text("file", "file", null),
  full: flag("everything"),
};
const file = [{ name: "variant", help: "a file", required: true }];

const read = (...argv: readonly string[]): unknown => readArguments(argv, options, file);
const refusal = (...argv: readonly string[]): string => {
  try {
    read(...argv);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  throw new Error("nothing was refused");
};

test("reads options of every kind in any order, and leaves the rest at their defaults", () => {
  expect(read("a.ts")).toEqual({
    options: { threads: 1, device: "wasm", svg: null, full: false },
    positionals: ["a.ts"],
  });
  expect(read("--threads", "2", "a.ts", "--full", "--device=reference", "--svg=x=y.svg")).toEqual({
    options: { threads: 2, device: "reference", svg: "x=y.svg", full: true },
    positionals: ["a.ts"],
  });
});

test("takes what stands behind -- as it is", () => {
  expect(read("--", "--odd-name.ts")).toMatchObject({ positionals: ["--odd-name.ts"] });
});

test("refuses an unknown option and names the nearest", () => {
  expect(refusal("a.ts", "--thread", "2")).toBe(
    "--thread: expected one of --threads, --device, --svg, --full, got an unknown option; did you mean --threads",
  );
  expect(refusal("a.ts", "--quantise")).toMatch(/see --help$/);
  expect(refusal("a.ts", "--constructor")).toMatch(/an unknown option/);
});

test.each([["0"], ["257"], ["1.5"], ["-1"], ["two"], [""], ["1e1"]])(
  "refuses %o as a number of threads, with the range",
  (given) => {
    expect(refusal("a.ts", `--threads=${given}`)).toBe(
      `--threads: expected an integer from 1 to 256, got ${JSON.stringify(given)}; write for example --threads 1`,
    );
  },
);

test("accepts both ends of a range", () => {
  expect(read("a.ts", "--threads=256")).toMatchObject({ options: { threads: 256 } });
  expect(read("a.ts", "--threads=1")).toMatchObject({ options: { threads: 1 } });
});

test("refuses a choice that is none", () => {
  expect(refusal("a.ts", "--device", "gpu")).toBe(
    '--device: expected one of wasm, reference, got "gpu"; choose one of them',
  );
});

test("refuses a value where none belongs, and none where one does", () => {
  expect(refusal("a.ts", "--full=yes")).toBe(
    '--full: expected no value, got "yes"; write --full alone',
  );
  expect(refusal("a.ts", "--svg")).toBe(
    "--svg: expected a value (file), got none; write --svg <file>",
  );
});

test("refuses a missing and a superfluous argument", () => {
  expect(refusal("--full")).toBe("<variant>: expected a file, got nothing; see --help");
  expect(refusal("a.ts", "b.ts")).toBe(
    'arguments: expected at most 1, got "b.ts"; leave it out, or see --help',
  );
});
