import { expect, test } from "vitest";
import { alibi, alibiSlopes } from "../variants/alibi.ts";
import { causal } from "../variants/causal.ts";
import { kernelText } from "./kernel-text.ts";

const options = { target: "cuda", mask: causal, D: 128, dtype: "bf16" } as const;

test("a kernel's text needs no GPU, and is the same every time", () => {
  const { text, template } = kernelText(options);
  expect(template).toBe("hopper");
  expect(text).toContain("__global__");
  expect(text).not.toMatch(/^\s*#include/m);
  expect(kernelText(options).text).toBe(text);
});

test("older GPUs, other dtypes and few queries have templates of their own", () => {
  expect(kernelText({ ...options, arch: "sm_80" }).template).toBe("generic");
  expect(kernelText({ ...options, dtype: "f32" }).template).toBe("generic");
  expect(kernelText({ ...options, schedule: "decode" }).template).toBe("decode");
});

test("captured values are not in the text", () => {
  const [a, b] = [4, 8].map((heads) =>
    kernelText({ ...options, score: alibi(alibiSlopes(heads)) }),
  );
  expect(a?.text).toBe(b?.text);
});

const mistakes: readonly (readonly [object, RegExp])[] = [
  [{ target: "opencl" }, /target: expected "cuda", got "opencl"/],
  [{ arch: "sm_75" }, /arch: expected "sm_90a" or "sm_80"/],
  [{ exact: 1 }, /exact: expected a boolean/],
  [{ D: 0 }, /D: expected an integer from 1 to 512/],
  [{ headDim: 64 }, /options: expected names among/],
];

test.each(mistakes)("%j is refused", (wrong, message) => {
  expect(() => kernelText({ ...options, ...wrong })).toThrow(message);
});
