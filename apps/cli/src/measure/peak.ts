/** The machine's multiply-add peak with the vectors that a target uses: 128 bits in WebAssembly, what the processor has in C. */
import {
  emitPeak,
  findFeatures,
  openNativePeak,
  PEAK_FLOPS_PER_ROUND,
} from "@vigil/attention/testing";
import { repeats } from "./interleave.ts";

/** Multiply-adds in a loop, that wait for nothing. */
export interface PeakSource {
  /** Floating-point operations of one round. */
  readonly flopsPerRound: number;
  run(rounds: number): number;
  close(): void;
}

export async function wasmPeak(): Promise<PeakSource> {
  const bytes = emitPeak({ relaxed: findFeatures().relaxed });
  const { instance } = await WebAssembly.instantiate(bytes);
  const run = instance.exports.peak as (rounds: number) => number;
  return { flopsPerRound: PEAK_FLOPS_PER_ROUND, run, close: () => undefined };
}

/** @throws UnsupportedError the native target cannot be opened here */
export async function nativePeak(
  options: Parameters<typeof openNativePeak>[0],
): Promise<PeakSource> {
  const { run, close } = await openNativePeak(options);
  return { flopsPerRound: run(1), run, close };
}

/** Long enough for an optimising compiler to have taken over. */
const CALIBRATION_ROUNDS = 100_000;
const CALIBRATIONS = 20;

export class PeakLoop {
  readonly #source: PeakSource;
  readonly #rounds: number;

  private constructor(source: PeakSource, rounds: number) {
    this.#source = source;
    this.#rounds = rounds;
  }

  /** A loop of which one `run` takes about `ms`. */
  static create(source: PeakSource, ms: number): PeakLoop {
    let best = Infinity;
    for (let n = 0; n < CALIBRATIONS; n++) {
      const start = performance.now();
      source.run(CALIBRATION_ROUNDS);
      best = Math.min(best, performance.now() - start);
    }
    return new PeakLoop(source, CALIBRATION_ROUNDS * repeats(best, ms));
  }

  /** Floating-point operations of one `run`. */
  get flops(): number {
    return this.#rounds * this.#source.flopsPerRound;
  }

  run(): number {
    return this.#source.run(this.#rounds);
  }
}
