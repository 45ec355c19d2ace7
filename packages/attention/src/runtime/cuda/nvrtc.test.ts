/** The real NVRTC, where this machine has one: it needs no GPU. */
import { beforeAll, expect, test } from "vitest";
import { UnsupportedError } from "../../errors.ts";
import { CudaError } from "./cuda-error.ts";
import { loadCompiler } from "./libraries.ts";
import type { Compiler } from "./nvrtc.ts";
import { thisMachine } from "./places.ts";
import { copyText } from "./strided-copy.ts";

/** A driver that runs everything. */
const ANY_DRIVER = 99_000;

let compiler: Compiler | null = null;
let missing = "";

beforeAll(async () => {
  compiler = await loadCompiler(thisMachine(), {}, ANY_DRIVER).catch((error: unknown) => {
    if (!(error instanceof UnsupportedError)) throw error;
    missing = `nvrtc: ${error.reason}`;
    return null;
  });
});

const hopper = ["--gpu-architecture=sm_90a", "--std=c++17"];

test("the copying kernel compiles, and several at one time", async ({ skip }) => {
  if (compiler === null) {
    skip(missing);
    return;
  }
  const { compile } = compiler;
  const texts = [copyText, `${copyText}// again`];
  const cubins = await Promise.all(texts.map((text) => compile.call(compiler, text, hopper)));
  for (const cubin of cubins) expect([...cubin.subarray(0, 4)]).toEqual([0x7f, 0x45, 0x4c, 0x46]);
});

test("a mistake in a text comes with the compiler's own words", async ({ skip }) => {
  if (compiler === null) {
    skip(missing);
    return;
  }
  const failure = compiler.compile("__global__ void f() {\n  g();\n}", hopper);
  await expect(failure).rejects.toThrow(CudaError);
  await expect(failure).rejects.toThrow(/NVRTC_ERROR_COMPILATION[^]*vigil\.cu\(2\): error: .*"g"/);
});

test("an architecture that it does not know is refused with what helps", async ({ skip }) => {
  if (compiler === null) {
    skip(missing);
    return;
  }
  const failure = compiler.compile("", ["--gpu-architecture=sm_1"]);
  await expect(failure).rejects.toThrow(/INVALID_OPTION.*install a newer NVRTC/);
});
