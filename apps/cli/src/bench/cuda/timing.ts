/**
 * Times of GPU kernels by the GPU's own clock. A hot GPU lowers its clock, so that kernels timed back to back are ranked by
 * their place in the list: a burst is short and begins after a pause; sustained is what is left under load, and says so.
 */
import type { DeviceClock, ResidentDevice } from "@vigil/attention";
import { median } from "../../measure/statistics.ts";
import type { Terminal } from "../../terminal/terminal.ts";

const BURST = { idleMs: 200, warmUps: 8, timed: 25 } as const;
const SUSTAINED = { loadMs: 250, timed: 60 } as const;

export interface GpuTimes {
  /** Medians. Unit: milliseconds. */
  readonly burstMs: number;
  readonly sustainedMs: number;
  /** What queueing one launch of the burst took of the calling thread. */
  readonly queueMs: number;
}

/** Queues one launch; resolves when it is queued. */
export type Launch = () => Promise<unknown>;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Timed {
  readonly ms: number;
  readonly queueMs: number;
}

async function timed(launch: Launch, clocks: readonly DeviceClock[]): Promise<Timed> {
  const queueing: number[] = [];
  for (const clock of clocks) {
    clock.start();
    const begin = performance.now();
    await launch();
    queueing.push(performance.now() - begin);
    clock.stop();
  }
  const times: number[] = [];
  for (const clock of clocks) times.push(await clock.milliseconds());
  return { ms: median(times), queueMs: median(queueing) };
}

/** Clocks are made once for a device, and used again. */
export class GpuTimer {
  readonly #device: ResidentDevice;
  readonly #clocks: readonly DeviceClock[];

  constructor(device: ResidentDevice) {
    this.#device = device;
    const most = Math.max(BURST.timed, SUSTAINED.timed);
    this.#clocks = Array.from({ length: most }, () => device.clock());
  }

  /** @param before  queued after the pause, to keep the GPU busy while launches shorter than their queueing are queued */
  async measure(launch: Launch, before: Launch = async () => undefined): Promise<GpuTimes> {
    const { ms: burstMs, queueMs } = await this.#burst(launch, before);
    return { burstMs, queueMs, sustainedMs: await this.#sustained(launch, burstMs) };
  }

  async #burst(launch: Launch, before: Launch): Promise<Timed> {
    await this.#device.settled();
    await pause(BURST.idleMs);
    await before();
    for (let i = 0; i < BURST.warmUps; i++) await launch();
    const times = await timed(launch, this.#clocks.slice(0, BURST.timed));
    await this.#device.settled();
    return times;
  }

  async #sustained(launch: Launch, estimateMs: number): Promise<number> {
    const launches = Math.ceil(SUSTAINED.loadMs / Math.max(estimateMs, 0.001));
    for (let i = 0; i < launches; i++) await launch();
    const { ms } = await timed(launch, this.#clocks.slice(0, SUSTAINED.timed));
    await this.#device.settled();
    return ms;
  }
}

/** What a row's work gives; null, with the reason on the terminal, where it throws: the other rows still count. */
export async function orNull<T>(
  label: string,
  terminal: Terminal,
  work: () => Promise<T | null>,
): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    terminal.signal.throwIfAborted();
    terminal.print(`${label}: FAILED: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}
