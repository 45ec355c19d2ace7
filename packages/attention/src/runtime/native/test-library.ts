/** A library by hand, with what `Library` looks for: for tests of what compiles and loads. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { findCompiler } from "./compiler.ts";
import { type Machine, thisMachine } from "./machine.ts";

/** `body` is that of `int32_t test(int64_t *words, int32_t threads)`. */
export const testText = (body: string): string => `
#include <stdint.h>
#include <unistd.h>
int32_t vigil_init(void) { return 0; }
double vigil_peak(int64_t rounds) { return (double)rounds; }
int32_t vigil_run(int32_t (*kernel)(int64_t *, int32_t), int64_t *launch, int32_t threads) {
  return kernel(launch, threads);
}
int32_t test(int64_t *words, int32_t threads) { ${body} }
`;

/** Why no C can be compiled here. */
export async function noCompiler(machine: Machine = thisMachine()): Promise<string | false> {
  return findCompiler(machine).then(
    () => false as const,
    (error: Error) => `c-compiler: ${error.message}`,
  );
}

/** A folder that lasts as long as the test. */
export async function testFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "vigil-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
