/**
 * Times several computations side by side: in every round each runs once, so that a slow minute of
 * the machine falls on all of them alike.
 */
import { setImmediate } from "node:timers/promises";
import { median, minimum } from "./statistics.ts";
import { StolenMeter } from "./stolen.ts";

export interface Contestant {
  readonly name: string;
  /** What is timed; a `Clocked` result has been timed elsewhere, in another process or without its preparation. */
  run(): unknown;
}

/** A time that was measured where the work was done. */
export class Clocked {
  readonly ms: number;
  readonly cpuMs: number;

  constructor(ms: number, cpuMs: number) {
    this.ms = ms;
    this.cpuMs = cpuMs;
  }
}

export interface Timing {
  readonly name: string;
  /** Milliseconds of each round. */
  readonly rounds: readonly number[];
  /** Processor time of the whole process (every thread) in each round, in milliseconds. */
  readonly cpuRounds: readonly number[];
  readonly minMs: number;
  readonly medianMs: number;
  /** The least and the median processor time of a round: what is left of `ms` where other programs wait for the processor too. */
  readonly minCpuMs: number;
  readonly medianCpuMs: number;
  /** Percent of the machine's processor time while this one ran; null where the system does not tell. */
  readonly stolenPct: number | null;
}

export interface Rounds {
  readonly rounds: number;
  /** Untimed rounds before the first, for compilers that work in tiers. Default 1. */
  readonly warmUp?: number;
  readonly signal: AbortSignal;
  /** Called before each round, timed or not. */
  readonly onRound?: (round: number) => void;
}

class Stopwatch {
  readonly rounds: number[] = [];
  readonly cpuRounds: number[] = [];
  readonly stolen: StolenMeter = new StolenMeter();

  async time(run: () => unknown): Promise<void> {
    this.stolen.start();
    const cpu = process.cpuUsage();
    const start = performance.now();
    const result = await run();
    const ms = performance.now() - start;
    const { user, system } = process.cpuUsage(cpu);
    this.stolen.stop();
    const clocked = result instanceof Clocked ? result : new Clocked(ms, (user + system) / 1000);
    this.rounds.push(clocked.ms);
    this.cpuRounds.push(clocked.cpuMs);
  }

  timing(name: string): Timing {
    const { rounds, cpuRounds, stolen } = this;
    return {
      name,
      rounds,
      cpuRounds,
      minMs: minimum(rounds),
      medianMs: median(rounds),
      minCpuMs: minimum(cpuRounds),
      medianCpuMs: median(cpuRounds),
      stolenPct: stolen.percent,
    };
  }
}

/**
 * One timing per contestant, in their order.
 *
 * The order within a round turns by one each round, so that nobody always runs on the heels of the same
 * neighbour. Between rounds the event loop turns, so Ctrl-C is heard.
 *
 * @throws the signal's reason when it is aborted
 */
export async function interleave(
  contestants: readonly Contestant[],
  { rounds, warmUp = 1, signal, onRound }: Rounds,
): Promise<readonly Timing[]> {
  const watches = contestants.map(() => new Stopwatch());
  for (let round = 0; round < warmUp + rounds; round++) {
    onRound?.(round);
    for (let turn = 0; turn < contestants.length; turn++) {
      await setImmediate();
      signal.throwIfAborted();
      const at = (turn + round) % contestants.length;
      const contestant = contestants[at];
      const watch = watches[at];
      if (contestant === undefined || watch === undefined) continue;
      if (round < warmUp) await contestant.run();
      else await watch.time(() => contestant.run());
    }
  }
  return contestants.map(({ name }, at) => (watches[at] ?? new Stopwatch()).timing(name));
}

/** Repeats `run` until it has taken about `ms`, at least once: a yardstick as long as what it stands beside. */
export const repeats = (runMs: number, ms: number): number => Math.max(1, Math.round(ms / runMs));
