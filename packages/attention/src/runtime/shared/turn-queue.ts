/** Lets asynchronous work take turns, in the order in which it came. */
export class TurnQueue {
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /**
   * Runs `work` once everything before it has ended.
   *
   * @throws the signal's reason  it was aborted before the turn came; `work` is then not run
   */
  async take<T>(signal: AbortSignal | null, work: () => Promise<T>): Promise<T> {
    const before = this.#last;
    let leave = (): void => undefined;
    const turn = new Promise<void>((resolve) => {
      leave = resolve;
    });
    // Whoever comes next waits for this turn, and a turn given up early still waits for those before it.
    this.#last = before.then(() => turn);
    this.#waiting++;
    try {
      if (this.#waiting > 1) await (signal === null ? before : unlessAborted(before, signal));
      signal?.throwIfAborted();
      return await work();
    } finally {
      this.#waiting--;
      leave();
    }
  }
}

async function unlessAborted(before: Promise<unknown>, signal: AbortSignal): Promise<void> {
  let abort = (): void => undefined;
  const aborted = new Promise<void>((resolve) => {
    abort = resolve;
    signal.addEventListener("abort", abort, { once: true });
  });
  await Promise.race([before, aborted]);
  signal.removeEventListener("abort", abort);
}
