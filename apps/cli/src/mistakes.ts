/** Tells a caller's mistake, which gets its message and exit code 2, from a mistake of ours. */

/** By name: the library may be loaded from two places, and is not loaded for `--help`. */
const names: ReadonlySet<string> = new Set(["UsageError", "UnsupportedError", "TraceError"]);

/** The library's sentence for a wrong argument; a TypeError of the engine's own does not speak it. */
const sentence = /: expected .+, got /s;

/** A wrong argument, a function that cannot be compiled, or a device that this machine does not have. */
export function isCallersMistake(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  if (names.has(error.name)) return true;
  return (
    (error instanceof TypeError || error instanceof RangeError) && sentence.test(error.message)
  );
}
