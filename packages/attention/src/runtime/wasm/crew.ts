/** The threads of one device: the calling one, workers, or both, taking items of one task by tickets. */
import { type KernelExports, PARAM } from "../../emit/wasm/abi.ts";
import { internalError } from "../../errors.ts";
import type { Arena } from "./arena.ts";
import type { Host } from "./host.ts";
import type { LoadedModule } from "./module.ts";
import { Pool } from "./pool.ts";

export interface CrewOptions {
  readonly threads: number;
  /** All threads are workers, and the calling one only waits. */
  readonly background: boolean;
}

/** One export of one kernel, over `count` items. */
export interface Job {
  readonly phase: "run" | "combine";
  /** Tells kernels apart. */
  readonly id: number;
  readonly module: LoadedModule<KernelExports>;
  /** Byte addresses of the parameter block and of the caller's copy. */
  readonly shared: number;
  readonly own: number;
  /** Scratch of the caller; each worker's follows. */
  readonly scratch: number;
  readonly scratchBytes: number;
  readonly count: number;
  /** Decides whether waking workers is worth it. */
  readonly flops: number;
  readonly signal: AbortSignal | null;
}

/** Words of the parameter block that hand out the items of each phase. */
const TICKETS = {
  run: { ticket: PARAM.ticket, count: PARAM.itemCount },
  combine: { ticket: PARAM.combineTicket, count: PARAM.combineCount },
} as const;

/** Beyond any number of items, and far enough from 2^31 that no thread's step overflows. */
const STOPPED = 2 ** 30;

/**
 * Work below this is not shared: 2e6 take a thread 50 us or more, and an empty fork and join 7 us at best, 12 us in the
 * median (two cores, Node 26).
 */
const SHARED_FLOPS = 2e6;

/** Work below this does not keep a page from drawing its next frame. */
const BRIEF_FLOPS = 2e7;

/** The caller takes as many items at once as take about this long, so that asking for more costs nothing. */
const STEP_MS = 0.25;

/** The caller lets its event loop run at least this often. */
const BREATH_MS = 10;

/** How long the caller sleeps for the last items of others, rather than turn to its event loop. */
const BLOCK_MS = 4;

/** WebAssembly functions have no `this`. */
function entryOf(exports: KernelExports, phase: Job["phase"]): KernelExports["run"] {
  const { [phase]: entry } = exports;
  if (entry === undefined) throw internalError(`a kernel without ${phase}`);
  return entry;
}

export class Crew {
  readonly threads: number;
  readonly #host: Host;
  readonly #background: boolean;
  readonly #workers: number;
  #pool: Pool | null = null;

  constructor(host: Host, { threads, background }: CrewOptions) {
    this.threads = threads;
    this.#host = host;
    this.#background = background;
    this.#workers = background ? threads : threads - 1;
  }

  /** Scratch areas that a job needs. */
  get lanes(): number {
    return this.#workers + 1;
  }

  /** Whether memory must be shared. */
  get needsSharing(): boolean {
    return this.#workers > 0;
  }

  /** Whether a worker has died since the last `close`: others may still write to the memory. */
  get isBroken(): boolean {
    return this.#pool?.isDead ?? false;
  }

  /**
   * Computes all items of a job.
   *
   * @throws the signal's reason  it was aborted; items under way have ended
   * @throws Error                a worker died, or a kernel failed
   */
  async execute(arena: Arena, job: Job): Promise<void> {
    const words = arena.views.i32;
    const ticket = job.shared / 4 + TICKETS[job.phase].ticket;
    const stop = (): void => void Atomics.store(words, ticket, STOPPED);
    const callerWorks = !this.#background || job.flops < BRIEF_FLOPS;
    const exports = callerWorks ? await job.module.on(arena.memory) : null;
    const pool = await this.#fork(arena, job, callerWorks ? 1 : 0);
    job.signal?.addEventListener("abort", stop);
    if (job.signal?.aborted === true) stop();
    try {
      if (exports !== null) await this.#takeItems(words, exports, job);
    } catch (error) {
      stop();
      throw internalError(`a kernel failed: ${String(error)}`);
    } finally {
      await pool?.join();
      job.signal?.removeEventListener("abort", stop);
    }
    job.signal?.throwIfAborted();
  }

  /** Workers let go of the memory. */
  async forget(): Promise<void> {
    await this.#pool?.forget();
  }

  async close(): Promise<void> {
    await this.#pool?.close();
    this.#pool = null;
  }

  /** Wakes as many workers as can be of use; null for none. */
  async #fork(arena: Arena, job: Job, callers: number): Promise<Pool | null> {
    const wanted = Math.min(this.#workers, job.count - callers);
    if (wanted <= 0 || (callers > 0 && job.flops < SHARED_FLOPS)) return null;
    if (this.#pool?.isDead === true) await this.close();
    const blockMs = this.#background || !this.#host.mayBlock ? 0 : BLOCK_MS;
    this.#pool ??= await Pool.start(this.#host, { size: this.#workers, blockMs });
    await this.#pool.load(job.id, job.module.module, arena.memory);
    const { phase, id: kernel, shared: params, scratchBytes } = job;
    const scratch = job.scratch + scratchBytes;
    this.#pool.fork({ phase, kernel, params, scratch, scratchBytes, workers: wanted });
    return this.#pool;
  }

  /**
   * The caller's share. A kernel returns when its block of parameters has no tickets left, so the caller gives itself, in
   * its own copy of the block, as many of the shared tickets as it wants to take in one go.
   */
  async #takeItems(words: Int32Array, exports: KernelExports, job: Job): Promise<void> {
    const { ticket, count } = TICKETS[job.phase];
    const run = entryOf(exports, job.phase);
    let step = 1;
    let before = performance.now();
    let breath = before;
    for (;;) {
      const first = Atomics.add(words, job.shared / 4 + ticket, step);
      if (first >= job.count) return;
      words[job.own / 4 + ticket] = first;
      words[job.own / 4 + count] = Math.min(first + step, job.count);
      run(job.own, job.scratch);
      const now = performance.now();
      if (now - before < STEP_MS) step *= 2;
      else if (now - before > 4 * STEP_MS) step = Math.max(1, step >> 1);
      before = now;
      if (now - breath < BREATH_MS) continue;
      await this.#host.breathe();
      before = breath = performance.now();
    }
  }
}
