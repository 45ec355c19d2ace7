/** Worker threads that share one memory with the thread that launches, and fork-join over them. */
import { internalError } from "../../errors.ts";
import type { Host, HostWorker } from "./host.ts";
import {
  COMMAND,
  type Order,
  type Report,
  WAKE_STRIDE,
  WORD,
  workerScript,
} from "./worker-script.ts";

/** One export of one loaded kernel, on all the workers that take part. */
export interface Task {
  readonly phase: "run" | "combine";
  /** The number that the kernel was loaded by. */
  readonly kernel: number;
  readonly params: number;
  /** Of the first worker; worker i has its own at `scratch + i * scratchBytes`. */
  readonly scratch: number;
  readonly scratchBytes: number;
  readonly workers: number;
}

/** What a pool is made of. */
export interface PoolOptions {
  /** Number of workers. */
  readonly size: number;
  /** How long `join` may sleep, before it turns to the event loop: a dead worker is heard of only there. 0: not at all. */
  readonly blockMs: number;
}

export class Pool {
  readonly size: number;
  readonly #host: Host;
  readonly #blockMs: number;
  readonly #words: Int32Array;
  #workers: readonly HostWorker[] = [];
  readonly #loaded = new Set<number>();
  /** The first thing that went wrong since the last join. */
  #failure: Error | null = null;
  #dead = false;
  /** Resolves the join that waits for a message. */
  #joined: (() => void) | null = null;

  private constructor(host: Host, { size, blockMs }: PoolOptions) {
    this.size = size;
    this.#host = host;
    this.#blockMs = blockMs;
    this.#words = new Int32Array(new SharedArrayBuffer((WORD.wake + size * WAKE_STRIDE) * 4));
  }

  /** Starts the workers: some 30 to 130 ms. */
  static async start(host: Host, options: PoolOptions): Promise<Pool> {
    const pool = new Pool(host, options);
    const { size } = options;
    pool.#workers = Array.from({ length: size }, () =>
      host.spawn(workerScript, {
        onMessage: (message) => pool.#hear(message as Report),
        onDeath: (reason) => pool.#bury(reason),
      }),
    );
    Atomics.store(pool.#words, WORD.pending, size);
    pool.#workers.forEach((worker, index) => {
      worker.post({ kind: "join", words: pool.#words, index } satisfies Order);
    });
    try {
      await pool.join();
    } catch (error) {
      await pool.close();
      throw error;
    }
    for (const worker of pool.#workers) worker.hold(false);
    return pool;
  }

  /** Whether a worker has died: the pool takes no more work, and its memory may still be written to. */
  get isDead(): boolean {
    return this.#dead;
  }

  /** Makes a kernel known to all workers, once. */
  async load(id: number, module: WebAssembly.Module, memory: WebAssembly.Memory): Promise<void> {
    if (this.#loaded.has(id)) return;
    await this.#tell({ kind: "load", id, module, memory });
    this.#loaded.add(id);
  }

  /** Makes all workers let go of their kernels, and so of the memory. */
  async forget(): Promise<void> {
    if (this.#loaded.size === 0) return;
    this.#loaded.clear();
    await this.#tell({ kind: "forget" });
  }

  /** Starts a task; `join` must follow before the next. */
  fork(task: Task): void {
    const words = this.#words;
    words[WORD.kernel] = task.kernel;
    words[WORD.params] = task.params;
    words[WORD.scratch] = task.scratch;
    words[WORD.scratchBytes] = task.scratchBytes;
    this.#command(COMMAND[task.phase], task.workers);
  }

  /** Waits until the workers have finished; throws what went wrong on one of them. */
  async join(): Promise<void> {
    if (this.#blockMs > 0) this.#block();
    if (this.#isBusy && !this.#dead) await this.#listen();
    if (Atomics.exchange(this.#words, WORD.failed, 0) === 1) await this.#hearReason();
    const failure = this.#failure;
    this.#failure = null;
    if (failure !== null) throw failure;
  }

  async close(): Promise<void> {
    this.#dead = true;
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  get #isBusy(): boolean {
    return Atomics.load(this.#words, WORD.pending) > 0;
  }

  #command(command: number, workers: number): void {
    const words = this.#words;
    words[WORD.command] = command;
    if (command !== COMMAND.listen) Atomics.store(words, WORD.pending, workers);
    for (let index = 0; index < workers; index++) {
      const wake = WORD.wake + index * WAKE_STRIDE;
      Atomics.add(words, wake, 1);
      Atomics.notify(words, wake);
    }
  }

  async #tell(order: Order): Promise<void> {
    Atomics.store(this.#words, WORD.pending, this.size);
    this.#command(COMMAND.listen, this.size);
    for (const worker of this.#workers) worker.post(order);
    await this.join();
  }

  #block(): void {
    const until = performance.now() + this.#blockMs;
    for (;;) {
      const pending = Atomics.load(this.#words, WORD.pending);
      const left = until - performance.now();
      if (pending === 0 || left <= 0 || this.#dead) return;
      // Only the last worker notifies; a change before that makes this return at once, or time out.
      Atomics.wait(this.#words, WORD.pending, pending, left);
    }
  }

  /** `away` before the second look at `pending`: either we see the last step or its worker sees `away`. */
  async #listen(): Promise<void> {
    for (const worker of this.#workers) worker.hold(true);
    const joined = new Promise<void>((resolve) => {
      this.#joined = resolve;
    });
    Atomics.store(this.#words, WORD.away, 1);
    if (this.#isBusy) await joined;
    Atomics.store(this.#words, WORD.away, 0);
    this.#joined = null;
    if (!this.#dead) for (const worker of this.#workers) worker.hold(false);
  }

  async #hearReason(): Promise<void> {
    while (this.#failure === null) await this.#host.breathe();
  }

  #hear(report: Report): void {
    if (report.kind === "failed")
      this.#failure ??= internalError(`a kernel failed: ${report.reason}`);
    // A late "done" of an earlier join says nothing about this one.
    else if (!this.#isBusy) this.#joined?.();
  }

  #bury(reason: string): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#failure ??= new Error(`a worker thread of the wasm device ended: ${reason}`);
    this.#joined?.();
  }
}
