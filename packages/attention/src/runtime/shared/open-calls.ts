/** Calls of several steps that a device is in, and the refusal of new ones once it is being closed. */
import { typeError } from "../../errors.ts";

export class OpenCalls {
  readonly #running = new Set<Promise<unknown>>();
  #closing = false;

  /**
   * Runs a call; `close` waits until it has ended.
   *
   * @throws TypeError  the device is closed, or being closed
   */
  async hold<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closing) throw closedError();
    const call = work();
    this.#running.add(call);
    try {
      return await call;
    } finally {
      this.#running.delete(call);
    }
  }

  /** @throws TypeError  the device is closed, or being closed with no call under way that may need it */
  check(): void {
    if (this.#closing && this.#running.size === 0) throw closedError();
  }

  /** Refuses calls from here on, and resolves when those under way have ended. */
  async close(): Promise<void> {
    this.#closing = true;
    await Promise.allSettled(this.#running);
  }
}

const closedError = (): TypeError =>
  typeError({
    name: "device",
    expected: "an open device",
    got: "a closed one",
    remedy: "open another one",
  });
