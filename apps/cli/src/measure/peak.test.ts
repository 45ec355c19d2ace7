import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compilers, findProgram } from "../doctor/checks.ts";
import { repositoryRoot } from "./machine.ts";
import { PeakLoop, wasmPeak } from "./peak.ts";
import { gflops } from "./work.ts";

/** Turns that the two take; each keeps its best, which other work on the machine disturbs least. */
const ROUNDS = 12;
const SAMPLE_MS = 50;

test("the peak loop reaches 0.9 of the machine's own 128-bit multiply-add rate", async ({
  skip,
}) => {
  const compiler = findProgram(compilers);
  skip(
    compiler === null || process.platform === "win32",
    `c-compiler: none of ${compilers.join(", ")} here to build the native loop`,
  );
  const folder = await mkdtemp(join(tmpdir(), "peak-"));
  try {
    const native = join(folder, "fma");
    const source = join(repositoryRoot, "bench", "peak", "fma.c");
    const flags = ["-O3", "-march=native", "-ffp-contract=fast"];
    execFileSync(compiler ?? "", [...flags, source, "-o", native]);
    const peak = PeakLoop.create(await wasmPeak(), 2);
    let [ours, theirs] = [0, 0];
    for (let round = 0; round < ROUNDS; round++) {
      theirs = Math.max(theirs, Number(execFileSync(native, [String(SAMPLE_MS)]).toString()));
      const end = performance.now() + SAMPLE_MS;
      while (performance.now() < end) {
        const start = performance.now();
        peak.run();
        ours = Math.max(ours, gflops(peak.flops, performance.now() - start));
      }
    }
    expect(theirs).toBeGreaterThan(1);
    expect(ours / theirs).toBeGreaterThan(0.9);
    // More than the machine can do would be a loop that skips work.
    expect(ours / theirs).toBeLessThan(1.15);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
