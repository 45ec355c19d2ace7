import { conforms } from "@vigil/attention/testing";
import { defineCommand, exitCodes } from "../command.ts";
import type { Command } from "../command.ts";
import { deviceOptions, openChosen } from "../device-options.ts";
import { describeMachine } from "../measure/machine.ts";
import { flag, text } from "../options.ts";
import { formatCount, formatMs } from "../terminal/format.ts";
import { UsageError } from "../usage-error.ts";

/** Failures shown to people; `--json` has all of them. */
const SHOWN = 20;

const { device, revectorize, compiler, isa, gpu, exact, nvrtc } = deviceOptions;

export const verify: Command = defineCommand({
  name: "verify",
  summary: "run the conformance suite on a device",
  description: [
    "Runs every variant of the gallery, and some corner cases, in all dtypes on awkward shapes, with one thread and two, and compares each result with float64, where score and mask are called as plain JavaScript. What the compiler made of them is held against the functions first, position by position. A case passes where its error is at most twice that of the unfused computation in the same dtype, plus 2 ulps.",
    "Takes some minutes; --quick thins the cases until every two choices (variant, dtype, length, memory layout, ...) still meet in one of them. The native target also waits for its compiler, once per machine.",
  ],
  positionals: [],
  options: {
    device,
    revectorize,
    compiler,
    isa,
    gpu,
    exact,
    nvrtc,
    full: flag("all cases: the default"),
    quick: flag("about a tenth of the cases"),
    case: text("only cases whose name contains this", "text", null),
  },
  examples: ["vigil verify --device wasm --json", 'vigil verify --device wasm --case "alibi, f32"'],
  async run({ options: given }, terminal) {
    const { quick, full, case: part } = given;
    if (quick && full) {
      const remedy = "leave one of them out";
      throw new UsageError({
        name: "--quick",
        expected: "no --full beside it",
        got: "both",
        remedy,
      });
    }
    const names: string[] = [];
    const open = async (threads: number): ReturnType<typeof openChosen> => {
      const opened = await openChosen({ ...given, threads });
      names.push(opened.name);
      return opened;
    };
    const start = performance.now();
    // A GPU has no threads to choose: one device computes each case once.
    await using whole = given.device === "cuda" ? await open(1) : null;
    const { cases, failed, skipped, failures } = await conforms(whole ?? open, {
      suite: quick ? "pairwise" : "full",
      ...(part === null ? {} : { only: ({ name }) => name.includes(part) }),
      onProgress: (done, total) =>
        terminal.tick(`${formatCount(done)} of ${formatCount(total)} cases`),
      signal: terminal.signal,
    });
    const ms = performance.now() - start;
    if (cases === 0 && skipped.length === 0) {
      const remedy = "write for example --case causal";
      throw new UsageError({
        name: "--case",
        expected: "a part of a case's name",
        got: JSON.stringify(part),
        remedy,
      });
    }
    const verdict =
      failed === 0 ? terminal.style("green", "passed") : terminal.style("red", "FAILED");
    terminal.print(
      [
        ...failures
          .slice(0, SHOWN)
          .map(({ name, problems }) => `FAILED ${name}\n  ${problems.join("\n  ")}`),
        ...(failures.length > SHOWN ? [`and ${failures.length - SHOWN} more; --json has all`] : []),
        ...skipped.map(({ reason, count }) => `skipped ${count}: ${reason}`),
        `${verdict}: ${formatCount(cases)} cases, ${failed} failed, in ${formatMs(ms)} on ${names.join(" and ")}`,
      ].join("\n"),
    );
    terminal.result({
      machine: describeMachine(),
      command: terminal.command,
      devices: names,
      seconds: Math.round(ms / 100) / 10,
      cases,
      failed,
      skipped,
      failures,
    });
    return failed === 0 ? exitCodes.ok : exitCodes.failed;
  },
});
