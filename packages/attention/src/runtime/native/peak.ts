/** The machine's multiply-add peak with the vectors that kernels use: what benchmarks hold their figures against. */
import { thisMachine } from "./machine.ts";
import { findGround, isaText, type NativeOptions } from "./open.ts";

export interface NativePeak {
  /** For people: the vectors that it measures, for example `AVX-512`. */
  readonly name: string;
  /** Multiply-adds that wait for nothing, on the calling thread. @returns floating-point operations done */
  run(rounds: number): number;
  close(): void;
}

/** @throws UnsupportedError  the native target cannot be opened here */
export async function openNativePeak(
  options: Pick<NativeOptions, "compiler" | "isa" | "cacheFolder"> = {},
): Promise<NativePeak> {
  const { base, target, workshop } = await findGround(thisMachine(), options);
  return {
    name: isaText(target),
    run: (rounds) => base.peak(rounds),
    close: () => workshop.close(),
  };
}
