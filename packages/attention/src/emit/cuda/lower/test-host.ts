/** Runs emitted device functions on this machine's processor, as plain C++ in which the CUDA built-ins are spelled out. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { helpersOf, helperText } from "./helpers.ts";

const hasCompiler = (): boolean => spawnSync("g++", ["--version"]).status === 0;

/** Why these tests cannot run here; null where they can. */
export const hostProblem: string | null = hasCompiler()
  ? null
  : "no g++ on this machine to compile emitted functions with";

/** What the compiler of CUDA C has built in. */
const shim = `#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
using std::min; using std::max;
#define __device__
#define __forceinline__ inline
static inline float __int_as_float(int bits) { float f; memcpy(&f, &bits, 4); return f; }
static inline unsigned bitsOf(float f) { unsigned u; memcpy(&u, &f, 4); return u; }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fdividef(float a, float b) { return a / b; }
static inline float __int2float_rn(int a) { return (float)a; }
static inline int __float2int_rz(float a) {
  return a != a ? 0 : a >= 2147483648.0f ? 0x7fffffff : a < -2147483648.0f ? -0x7fffffff - 1 : (int)a;
}
template <typename T> static inline T __ldg(const T* at) { return *at; }
`;

/** Helpers that are one instruction, as C++. */
const instructions: Readonly<Record<string, string>> = {
  minimum:
    "float minimum(float a, float b) { return a != a ? a : b != b ? b : a == b ? (std::signbit(a) ? a : b) : a < b ? a : b; }",
  maximum:
    "float maximum(float a, float b) { return a != a ? a : b != b ? b : a == b ? (std::signbit(a) ? b : a) : a < b ? b : a; }",
  fastTanh: "float fastTanh(float a) { return tanhf(a); }",
  fastExp2: "float fastExp2(float a) { return exp2f(a); }",
  fastLog2: "float fastLog2(float a) { return log2f(a); }",
  fastSin: "float fastSin(float a) { return sinf(a); }",
  fastCos: "float fastCos(float a) { return cosf(a); }",
};

/** Any undefined behaviour ends the program. */
const flags = [
  ...["-std=c++17", "-O1", "-ffp-contract=off", "-x", "c++", "-"],
  ...["-fsanitize=signed-integer-overflow,shift-exponent,integer-divide-by-zero,bounds"],
  "-fno-sanitize-recover=all",
];

function execute(command: string, args: readonly string[], input = ""): string {
  const { status, stdout, stderr } = spawnSync(command, args, {
    input,
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  if (status !== 0) throw new Error(`${command} failed: ${stderr.slice(0, 2000)}`);
  return stdout;
}

/** Compiles and runs: the helpers that `text` calls, `text`, and a main function of these statements; what it printed. */
export function runOnHost(text: string, main: string): string {
  const folder = mkdtempSync(join(tmpdir(), "lowered-"));
  try {
    const helpers = helpersOf([text]).map(
      (name) => `static inline ${instructions[name] ?? helperText(name)}\n`,
    );
    const source = [shim, ...helpers, text, `int main() {\n${main}\n}\n`].join("\n");
    const program = join(folder, "program");
    writeFileSync(join(folder, "program.cc"), source);
    execute("g++", [...flags, "-o", program], source);
    return execute(program, []);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
