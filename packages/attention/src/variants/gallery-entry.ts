/** A variant as the gallery lists it: a name, and how to make it for given lengths. */
import type { MaskMod, ScoreMod } from "../api/mods.ts";

/** Lengths that an example has to fit. */
export interface GalleryShape {
  readonly B: number;
  readonly Hq: number;
  readonly Hkv: number;
  /** Positions that queries take: 0 up to M, offsets included. Unit: tokens. */
  readonly M: number;
  /** Positions that keys take: 0 up to N. Unit: tokens. */
  readonly N: number;
}

/** What a call of `attention` gets. */
export interface Mods {
  readonly score?: ScoreMod;
  readonly mask?: MaskMod;
  /** [Hq] */
  readonly sinks?: Float32Array;
}

export interface GalleryEntry {
  /** The name of its file, or that with a suffix; also its name in the command line. */
  readonly name: string;
  readonly title: string;
  /** Which of the two functions it has. `sinks`: neither. */
  readonly kind: "mask" | "score" | "both" | "sinks" | "none";
  /** Whether no query attends to a later key: then tokens can be added one by one. */
  readonly causal: boolean;
  /** Where it is published. */
  readonly source: string;
  /** The variant with example parameters; captured values are drawn from `seed`. */
  readonly make: (shape: GalleryShape, seed: number) => Mods;
}
