import { expect, test } from "vitest";
import { cpuFeatures, isas } from "../../emit/native/abi.ts";
import type { Compiler } from "./compiler.ts";
import { chooseIsa, parseCpuInfo } from "./cpu.ts";

const gcc = (version: string): Compiler => ({
  command: ["gcc"],
  family: "gcc",
  version,
  banner: `gcc ${version}`,
});

const cpuOf = (features: readonly string[]) => ({
  model: "a processor",
  features: new Set(features),
});

const text = `processor\t: 0
model name\t: A Processor @ 2.00GHz
flags\t\t: fpu avx2 fma f16c  avx512_bf16
bugs\t\t: spectre

processor\t: 1
model name\t: another
flags\t\t: none
`;

test("reads the model and the features of the first processor", () => {
  const { model, features } = parseCpuInfo(text);
  expect(model).toBe("A Processor @ 2.00GHz");
  expect([...features]).toEqual(["fpu", "avx2", "fma", "f16c", "avx512_bf16"]);
});

test("a text without fields has no features", () => {
  expect(parseCpuInfo("Features\t: fp asimd\n").features.size).toBe(0);
});

test.for(isas)(
  "%s is taken where the processor has all of it, and not where one part is missing",
  (isa) => {
    expect(chooseIsa(cpuOf(cpuFeatures[isa]), gcc("13.3.0"), "auto")).toBe(isa);
    for (const missing of cpuFeatures[isa]) {
      const rest = cpuOf(cpuFeatures[isa].filter((feature) => feature !== missing));
      expect(() => chooseIsa(rest, gcc("13.3.0"), isa)).toThrow(`this processor has no ${missing}`);
    }
  },
);

test("an old compiler means a lesser instruction set, and says so where a better one is asked for", () => {
  const cpu = cpuOf(cpuFeatures.amx);
  expect(chooseIsa(cpu, gcc("10.2.1"), "auto")).toBe("avx512-bf16");
  expect(chooseIsa(cpu, gcc("9.4.0"), "auto")).toBe("avx512");
  expect(() => chooseIsa(cpu, gcc("10.2.1"), "amx")).toThrow(
    "native: gcc 10.2.1 is older than 11, the first for amx; leave isa out: avx512-bf16 is there",
  );
  expect(() => chooseIsa(cpu, gcc("4.8.5"), "auto")).toThrow("gcc 4.8.5 is older than 9");
});

test("a lesser instruction set is taken where it is asked for", () => {
  expect(chooseIsa(cpuOf(cpuFeatures.amx), gcc("13.3.0"), "avx2")).toBe("avx2");
});

test("a processor without AVX2 is refused by what it lacks", () => {
  const cpu = cpuOf(["sse2", "avx"]);
  const message = "native: this processor has no avx2, fma, f16c; open the device wasm";
  expect(() => chooseIsa(cpu, gcc("13.3.0"), "auto")).toThrow(message);
});

test("a name that is no instruction set is refused with those that are", () => {
  const wrong = "sse9" as "avx2";
  expect(() => chooseIsa(cpuOf([]), gcc("13.3.0"), wrong)).toThrow(RangeError);
  expect(() => chooseIsa(cpuOf([]), gcc("13.3.0"), wrong)).toThrow(/one of avx2, avx512, .*"sse9"/);
});
