/** Variants that the gallery lacks and a kernel can get wrong: each is a corner of the language or of the block mask. */
import { maskMod, scoreMod } from "../api/mods.ts";
import type { GalleryEntry, Mods } from "../variants/gallery-entry.ts";
import { random } from "../variants/random.ts";

const entry = (
  name: string,
  title: string,
  { causal = false, make }: { causal?: boolean; make: GalleryEntry["make"] },
): GalleryEntry => {
  const { score, mask } = make({ B: 1, Hq: 1, Hkv: 1, M: 1, N: 1 }, 1);
  const kind = score === undefined ? "mask" : mask === undefined ? "score" : "both";
  return { name, title, kind, causal, source: "corner case", make };
};

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
  entry("kept-keys", "Float comparison", { causal: true, make: keptKeys }),
  entry("per-head", "Mask per head", { causal: true, make: perHead }),
  entry("empty-rows", "Rows without keys", { make: emptyRows }),
  entry("everywhere", "Only full blocks", { make: everywhere }),
  entry("causal-by-score", "Scores of -Infinity", { causal: true, make: causalByScore }),
  entry("same-names", "Captures of one name", { make: sameNames }),
  entry("trigonometric", "Sines and cosines", { make: trigonometric }),
];
