/** The order in which one GPU does our work, and marks in it that can be waited for without blocking the thread. */
import { internalError } from "../../errors.ts";
import type { Driver } from "./driver.ts";
import { everyStep } from "./every-step.ts";

/** Recorded marks that measure no time are cheaper. */
const NO_TIMING = 2;

/** While a wait is younger than this, it asks at every turn of the event loop; afterwards once a millisecond. */
const EAGER_MS = 20;

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

/** A place in the stream. */
export interface Mark {
  readonly event: bigint;
}

export class Stream {
  readonly handle: bigint;
  readonly #driver: Driver;
  readonly #idle: bigint[] = [];
  readonly #all: bigint[] = [];

  /**
   * A stream that waits for the legacy default stream and is waited for by it: memory that other libraries in this process filled
   * there is ready when we read it.
   */
  constructor(driver: Driver) {
    this.#driver = driver;
    this.handle = driver.out64((out) => driver.call.cuStreamCreate("making a stream", out, 0));
  }

  /** Marks what was queued so far. Whoever marks, waits or forgets. */
  mark(): Mark {
    const event = this.#idle.pop() ?? this.#newEvent(NO_TIMING);
    this.#driver.call.cuEventRecord("marking a place in the stream", event, this.handle);
    return { event };
  }

  /** Whether the GPU is past a mark. @throws CudaError something before it failed */
  isPast({ event }: Mark, doing: string): boolean {
    return this.#driver.isDone(event, doing);
  }

  /**
   * Waits until the GPU is past a mark. The event loop goes on meanwhile.
   *
   * @param doing  what is waited for, for messages
   * @throws CudaError            something before the mark failed
   * @throws the signal's reason  it was aborted; the GPU goes on
   */
  async past(mark: Mark, doing: string, signal: AbortSignal | null = null): Promise<void> {
    const start = performance.now();
    while (!this.#driver.isDone(mark.event, doing)) {
      await (performance.now() - start < EAGER_MS ? nextTurn() : soon());
      signal?.throwIfAborted();
    }
  }

  /** A mark that nobody will wait for any more. */
  forget({ event }: Mark): void {
    this.#idle.push(event);
  }

  /** A clock that runs in the stream. */
  clock(): StreamClock {
    return new StreamClock(this.#driver, this, [this.#newEvent(0), this.#newEvent(0)]);
  }

  /** Blocks the thread until the GPU has done everything. */
  finish(doing: string): void {
    this.#driver.call.cuStreamSynchronize(doing, this.handle);
  }

  close(): void {
    const { call } = this.#driver;
    everyStep([
      ...this.#all.splice(0).map((event) => () => call.cuEventDestroy_v2("ending a mark", event)),
      () => call.cuStreamDestroy_v2("ending a stream", this.handle),
    ]);
  }

  #newEvent(flags: number): bigint {
    const { call } = this.#driver;
    const event = this.#driver.out64((out) => call.cuEventCreate("making a mark", out, flags));
    if (event === 0n) throw internalError("the driver made an event without a handle");
    this.#all.push(event);
    return event;
  }
}

/** Measures the GPU's own time between two places in the stream; may be used again after it was read. */
export class StreamClock {
  readonly #driver: Driver;
  readonly #stream: Stream;
  readonly #events: readonly [start: bigint, end: bigint];

  constructor(driver: Driver, stream: Stream, events: readonly [start: bigint, end: bigint]) {
    this.#driver = driver;
    this.#stream = stream;
    this.#events = events;
  }

  start(): void {
    this.#record("starting a clock", this.#events[0]);
  }

  stop(): void {
    this.#record("stopping a clock", this.#events[1]);
  }

  /** Waits until it has stopped. Unit: milliseconds, to about half a microsecond. */
  async milliseconds(): Promise<number> {
    const [start, end] = this.#events;
    await this.#stream.past({ event: end }, "waiting for a clock to stop");
    const out = new Float32Array(1);
    this.#driver.call.cuEventElapsedTime("reading a clock", out, start, end);
    return out[0] ?? 0;
  }

  #record(doing: string, event: bigint): void {
    this.#driver.call.cuEventRecord(doing, event, this.#stream.handle);
  }
}
