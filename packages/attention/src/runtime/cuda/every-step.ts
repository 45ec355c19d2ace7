/** Ending things: one that fails must not keep the others. */

/** Takes every step, whatever the ones before it threw. @throws what the first one that failed threw */
export function everyStep(steps: Iterable<() => void>): void {
  let failed = false;
  let failure: unknown = null;
  for (const step of steps) {
    try {
      step();
    } catch (error) {
      if (!failed) failure = error;
      failed = true;
    }
  }
  if (failed) throw failure;
}
