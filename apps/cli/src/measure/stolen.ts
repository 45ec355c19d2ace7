/**
 * Time that the hypervisor gave to somebody else ("stolen"), from Linux's /proc/stat.
 * Without it a figure from a shared machine cannot be judged.
 */
import { readFileSync } from "node:fs";

/** Ticks of 10 ms since boot, summed over the processors. */
interface Ticks {
  readonly all: number;
  readonly stolen: number;
}

/** The first line of /proc/stat: `cpu user nice system idle iowait irq softirq steal ...`. */
export function parseTicks(stat: string): Ticks | null {
  const line = /^cpu +([\d ]+)$/m.exec(stat)?.[1];
  if (line === undefined) return null;
  // Guest time is inside user time, so only the first eight count.
  const ticks = line.trim().split(" ").slice(0, 8).map(Number);
  return { all: ticks.reduce((sum, tick) => sum + tick, 0), stolen: ticks[7] ?? 0 };
}

function readTicks(): Ticks | null {
  try {
    return parseTicks(readFileSync("/proc/stat", "utf8"));
  } catch {
    return null; // Not Linux: nobody tells.
  }
}

/** Adds up stolen time over the stretches between `start` and `stop`. */
export class StolenMeter {
  #from: Ticks | null = null;
  #all = 0;
  #stolen = 0;
  #known = false;

  start(): void {
    this.#from = readTicks();
  }

  stop(): void {
    const to = readTicks();
    if (to === null || this.#from === null) return;
    this.#known = true;
    this.#all += to.all - this.#from.all;
    this.#stolen += to.stolen - this.#from.stolen;
  }

  /** Percent of the machine's processor time; null where the system does not tell. */
  get percent(): number | null {
    if (!this.#known) return null;
    return this.#all === 0 ? 0 : (100 * this.#stolen) / this.#all;
  }
}
