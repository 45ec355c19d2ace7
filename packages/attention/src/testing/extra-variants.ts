/** Variants that the gallery lacks and a kernel can get wrong: each is a corner of the language or of the block mask. */
import { maskMod, scoreMod } from "../api/mods.ts";
import type { GalleryEntry, Mods } from "../variants/gallery-entry.ts";
import { random } from "../variants/random.ts";

const source = "corner case";

/** Keeps keys above a threshold: a comparison of floats, decided once and passed as bits. */
const keptKeys: GalleryEntry["make"] = ({ N }, seed) => {
  const importance = Float32Array.from({ length: N }, random(seed).normal);
  return {
    mask: maskMod(
      { importance, threshold: 0.25 },
      ({ importance, threshold }) =>
        ({ q, kv }) =>
          kv <= q && (importance[kv] >= threshold || q - kv < 4),
    ),
  };
};

const perHead: GalleryEntry["make"] = () => ({
  mask: maskMod(({ h, q, kv }) => (h % 2 === 0 ? q >= kv : q - kv < 9 && q >= kv)),
});

/** Rows that attend to nothing, one by one and by whole blocks. */
const emptyRows: GalleryEntry["make"] = () => ({
  mask: maskMod(({ q, kv }) => q % 3 !== 0 && (q < 64 || q >= 128) && kv % 5 !== 4),
});

/** True everywhere, though not in a way that is seen from the text: full blocks only. */
const everywhere: GalleryEntry["make"] = () => ({
  mask: maskMod(({ q, kv }) => q + kv >= 0 || q < kv),
});

const causalByScore: GalleryEntry["make"] = () => ({
  score: scoreMod((score, { q, kv }) => (q >= kv ? score : -Infinity)),
});

/** Score and mask with captures of one name, one of them a table of flags. */
const sameNames: GalleryEntry["make"] = ({ N }, seed): Mods => {
  const rng = random(seed);
  const table = Array.from({ length: N }, () => rng.uniform() < 0.7);
  return {
    score: scoreMod(
      { table: Float32Array.from({ length: 7 }, rng.normal), width: 0.5 },
      ({ table, width }) =>
        (score, { h, kv }) =>
          score * width + table[(h + kv) % 7],
    ),
    mask: maskMod(
      { table, width: 40 },
      ({ table, width }) =>
        ({ q, kv }) =>
          table[kv] && Math.abs(q - kv) < width,
    ),
  };
};

const trigonometric: GalleryEntry["make"] = ({ Hq }, seed) => ({
  score: scoreMod(
    { offsets: Float32Array.from({ length: Hq }, random(seed).normal) },
    ({ offsets }) =>
      (score, { h, q, kv }) =>
        Math.sin(score) * Math.cos(q - kv) + offsets[h],
  ),
});

export const extraVariants: readonly GalleryEntry[] = [
  {
    name: "kept-keys",
    title: "Float comparison",
    kind: "mask",
    causal: true,
    source,
    make: keptKeys,
  },
  { name: "per-head", title: "Mask per head", kind: "mask", causal: true, source, make: perHead },
  {
    name: "empty-rows",
    title: "Rows without keys",
    kind: "mask",
    causal: false,
    source,
    make: emptyRows,
  },
  {
    name: "everywhere",
    title: "Full blocks only",
    kind: "mask",
    causal: false,
    source,
    make: everywhere,
  },
  {
    name: "causal-by-score",
    title: "Scores of -Infinity",
    kind: "score",
    causal: true,
    source,
    make: causalByScore,
  },
  {
    name: "same-names",
    title: "Captures of one name",
    kind: "both",
    causal: false,
    source,
    make: sameNames,
  },
  {
    name: "trigonometric",
    title: "Sines and cosines",
    kind: "score",
    causal: false,
    source,
    make: trigonometric,
  },
];
