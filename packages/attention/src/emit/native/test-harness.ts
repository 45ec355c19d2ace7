/**
 * Kernels of one target compiled into one program, which runs launches from a file: for the tests of this folder.
 *
 * Every buffer is an allocation of its own, of exactly its size, so that a program built with the address sanitizer stops at
 * the first access outside.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CAPTURE_WORD, compilerFlags, linkerFlags } from "./abi.ts";
import type { NativeTarget } from "./abi.ts";
import { emitPrelude } from "./prelude/prelude.ts";

/** Why kernels cannot be compiled and run here; null where they can. */
export const missing: string | null = (() => {
  if (process.platform !== "linux" || process.arch !== "x64") return "native: no x86-64 Linux";
  if (!/\bavx2\b/.test(readFileSync("/proc/cpuinfo", "utf8"))) return "native: no AVX2";
  try {
    execFileSync("gcc", ["--version"], { stdio: "ignore" });
    return null;
  } catch {
    return "native: no gcc";
  }
})();

/** A word of a launch: a number, f32 bits already as such, or the address of a buffer's element. */
export type Word = number | { readonly buffer: number; readonly bytes?: number };

export interface Job {
  readonly symbol: string;
  readonly words: ReadonlyMap<number, Word>;
  readonly buffers: readonly Uint8Array[];
  readonly threads: number;
}

const main = (symbols: readonly string[]): string => `
#include <stdio.h>
static vigil_kernel *const kernels[] = { ${symbols.join(", ")} };
static int64_t number(FILE *from) { int64_t n = 0; if (fread(&n, 8, 1, from) != 1) exit(3); return n; }
int main(int count, char **names) {
  FILE *in = fopen(names[1], "rb"), *out = fopen(names[2], "wb");
  if (count < 3 || in == NULL || out == NULL || vigil_init() != 0) return 2;
  for (int64_t jobs = number(in); jobs > 0; jobs--) {
    int64_t kernel = number(in), threads = number(in), buffers = number(in);
    char *at[64];
    size_t size[64];
    for (int64_t n = 0; n < buffers; n++) {
      size[n] = (size_t)number(in);
      if (posix_memalign((void **)&at[n], 64, size[n] + (size[n] == 0)) != 0 || fread(at[n], 1, size[n], in) != size[n]) return 4;
    }
    int64_t words = number(in), *launch = malloc((size_t)words * 8);
    for (int64_t n = 0; n < words; n++) {
      int64_t buffer = number(in), value = number(in);
      launch[n] = buffer < 0 ? value : (int64_t)(intptr_t)(at[buffer] + value);
    }
    if (vigil_run(kernels[kernel], (struct vigil_launch *)launch, (int32_t)threads) != 0) return 5;
    free(launch);
    for (int64_t n = 0; n < buffers; n++) fwrite(at[n], 1, size[n], out), free(at[n]);
  }
  return fclose(out);
}
`;

function encode(jobs: readonly Job[], symbols: readonly string[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const put = (...values: number[]): void => {
    parts.push(new Uint8Array(BigInt64Array.from(values, BigInt).buffer));
  };
  put(jobs.length);
  for (const { symbol, threads, buffers, words } of jobs) {
    put(symbols.indexOf(symbol), threads, buffers.length);
    for (const buffer of buffers) {
      put(buffer.byteLength);
      parts.push(buffer);
    }
    const count = Math.max(CAPTURE_WORD, ...words.keys()) + 1;
    put(count);
    for (let n = 0; n < count; n++) {
      const word = words.get(n) ?? 0;
      if (typeof word === "number") put(-1, word);
      else put(word.buffer, word.bytes ?? 0);
    }
  }
  return Buffer.concat(parts);
}

/** A program that holds the kernels of one target. */
export class Program implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "vigil-native-"));
  readonly #symbols: readonly string[];

  constructor(
    target: NativeTarget,
    kernels: readonly { readonly symbol: string; readonly body: string }[],
    flags: readonly string[] = [],
  ) {
    this.#symbols = kernels.map(({ symbol }) => symbol);
    const text = [emitPrelude(target), ...kernels.map(({ body }) => body), main(this.#symbols)];
    writeFileSync(this.#path("program.c"), text.join("\n"));
    const kept = compilerFlags(target).filter((flag) => flag !== "-shared");
    const args = [
      ...kept,
      "-Werror",
      ...flags,
      this.#path("program.c"),
      "-o",
      this.#path("program"),
    ];
    execFileSync("gcc", [...args, ...linkerFlags], { stdio: ["ignore", "ignore", "pipe"] });
  }

  /** The buffers of each job as its kernel leaves them. */
  run(jobs: readonly Job[]): Uint8Array[][] {
    writeFileSync(this.#path("in"), encode(jobs, this.#symbols));
    execFileSync(this.#path("program"), [this.#path("in"), this.#path("out")], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    const bytes = readFileSync(this.#path("out"));
    let at = 0;
    return jobs.map(({ buffers }) =>
      buffers.map(({ byteLength }) => {
        at += byteLength;
        return Uint8Array.from(bytes.subarray(at - byteLength, at));
      }),
    );
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}
