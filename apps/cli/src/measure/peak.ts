/** The machine's 128-bit multiply-add peak, measured by the package's own WebAssembly loop. */
import { emitPeak, findFeatures, PEAK_FLOPS_PER_ROUND } from "@vigil/attention/testing";
import { repeats } from "./interleave.ts";

type PeakFunction = (rounds: number) => number;

/** Long enough for the optimising compiler to have taken over. */
const CALIBRATION_ROUNDS = 100_000;
const CALIBRATIONS = 20;

export class PeakLoop {
  readonly #peak: PeakFunction;
  readonly #rounds: number;

  private constructor(peak: PeakFunction, rounds: number) {
    this.#peak = peak;
    this.#rounds = rounds;
  }

  /** A loop of which one `run` takes about `ms`. */
  static async create(ms: number): Promise<PeakLoop> {
    const bytes = emitPeak({ relaxed: findFeatures().relaxed });
    const { instance } = await WebAssembly.instantiate(bytes);
    const peak = instance.exports.peak as PeakFunction;
    let best = Infinity;
    for (let n = 0; n < CALIBRATIONS; n++) {
      const start = performance.now();
      peak(CALIBRATION_ROUNDS);
      best = Math.min(best, performance.now() - start);
    }
    return new PeakLoop(peak, CALIBRATION_ROUNDS * repeats(best, ms));
  }

  /** Floating-point operations of one `run`. */
  get flops(): number {
    return this.#rounds * PEAK_FLOPS_PER_ROUND;
  }

  run(): number {
    return this.#peak(this.#rounds);
  }
}
