#!/usr/bin/env node
/** The process around the `vigil` command: streams, Ctrl-C, exit code. */
import { exitCodes } from "./command.ts";
import { vigil } from "./vigil.ts";

const { stdout, stderr, env, argv } = process;

/** A shell and its launcher may both pass on one Ctrl-C. */
const SAME_PRESS_MS = 1000;

const interrupt = new AbortController();
let pressed = -Infinity;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    const now = performance.now();
    // The first asks the command to end, a later one ends it.
    if (interrupt.signal.aborted && now - pressed > SAME_PRESS_MS)
      process.exit(exitCodes.interrupted);
    if (!interrupt.signal.aborted) pressed = now;
    interrupt.abort();
  });
}

// `vigil ... | head` closes the pipe: nobody listens any more.
stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? exitCodes.ok : exitCodes.internal);
});

process.exitCode = await vigil(argv.slice(2), { stdout, stderr, env }, interrupt.signal);
