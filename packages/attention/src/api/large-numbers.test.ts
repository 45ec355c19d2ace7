import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileElement } from "../ir/evaluate.ts";
import { traceMod } from "../trace/trace-mod.ts";
import { Tensor } from "../tensor.ts";
import { attention } from "./attention.ts";
import { blockMask } from "./block-mask.ts";
import { checkRangesAt } from "./check-launch.ts";
import { maskMod, type MaskMod, scoreMod } from "./mods.ts";

const N = 16;
const extent = { B: 1, Hq: 1, M: N, queryOffset: Int32Array.of(0), kvLength: Int32Array.of(N) };

/** Null where a launch of N queries and keys is accepted, else the message. */
function refusalOf(mask: MaskMod): string | null {
  const { expression, captures } = traceMod(mask);
  try {
    checkRangesAt(expression, captures, extent);
    return null;
  } catch (error) {
    expect(error).toBeInstanceOf(RangeError);
    return error instanceof Error ? error.message : "";
  }
}

/** Where the kernel's arithmetic and the function called as JavaScript differ. */
function differences(mask: MaskMod): readonly (readonly [q: number, kv: number])[] {
  const { expression, captures } = traceMod(mask);
  const element = compileElement(expression.root, captures);
  const places = Array.from({ length: N * N }, (_, at) => [Math.floor(at / N), at % N] as const);
  return places.filter(([q, kv]) => element(0, 0, q, kv, 0) !== mask({ b: 0, h: 0, q, kv }));
}

type Pair = Readonly<Record<"n" | "m", number>>;

/** Masks that mix integers with two captured ones. */
const masks: readonly ((captures: Pair) => MaskMod)[] = [
  (captures) =>
    maskMod(
      captures,
      ({ n, m }) =>
        ({ kv }) =>
          kv + n > m,
    ),
  (captures) =>
    maskMod(
      captures,
      ({ n, m }) =>
        ({ kv }) =>
          n - kv < m,
    ),
  (captures) =>
    maskMod(
      captures,
      ({ n, m }) =>
        ({ q, kv }) =>
          n - m + q >= kv,
    ),
  (captures) =>
    maskMod(
      captures,
      ({ n }) =>
        ({ kv }) =>
          kv < n,
    ),
  (captures) =>
    maskMod(
      captures,
      ({ n, m }) =>
        ({ q, kv }) =>
          q - kv < Math.min(n, m),
    ),
  (captures) =>
    maskMod(
      captures,
      ({ n }) =>
        ({ q, kv }) =>
          kv < q + n,
    ),
  (captures) =>
    maskMod(
      captures,
      ({ n, m }) =>
        ({ kv }) =>
          (n + kv) % 7 === 0 || m < kv,
    ),
  (captures) =>
    maskMod(
      captures,
      ({ n, m }) =>
        ({ kv }) =>
          kv * n >= m,
    ),
  (captures) =>
    maskMod(
      captures,
      ({ n, m }) =>
        ({ q, kv }) =>
          (q > 3 ? n : m) === kv,
    ),
  (captures) =>
    maskMod(
      captures,
      ({ n, m }) =>
        ({ kv }) =>
          ((n + kv) & 3) === (m & 1),
    ),
  (captures) =>
    maskMod(
      captures,
      ({ n, m }) =>
        ({ kv }) =>
          -n + kv !== -m,
    ),
  (captures) =>
    maskMod(
      captures,
      ({ n, m }) =>
        ({ kv }) =>
          Math.abs(kv - n) <= Math.abs(m),
    ),
];

test("a mask with large captured integers that passes means what JavaScript says", () => {
  const large = fc.constantFrom(2 ** 31, 2 ** 32, 2 ** 33 + 1, 1_753_940_000_000, 2 ** 53 - 20);
  const number = fc.oneof(
    fc.tuple(large, fc.integer({ min: -20, max: 20 })).map(([base, more]) => base + more),
    fc.tuple(large, fc.integer({ min: -20, max: 20 })).map(([base, more]) => more - base),
    fc.integer({ min: -30, max: 30 }),
  );
  const verdicts = { accepted: 0, wrong: 0 };
  const check = fc.property(fc.constantFrom(...masks), number, number, (make, n, m) => {
    const mask = make({ n, m });
    const wrong = differences(mask);
    if (wrong.length > 0) verdicts.wrong++;
    if (refusalOf(mask) !== null) return;
    verdicts.accepted++;
    expect(wrong).toEqual([]);
  });
  fc.assert(check, { numRuns: process.env["VIGIL_TEST"] === "full" ? 20_000 : 1_000 });
  expect(verdicts.accepted).toBeGreaterThan(300);
  expect(verdicts.wrong).toBeGreaterThan(50);
});

test("the refusal names the number, where it is used, and what to capture instead", async () => {
  const mask = maskMod(
    { n: 2 ** 31 + 5 },
    ({ n }) =>
      ({ kv }) =>
        kv + n > 2_147_483_658,
  );
  expect(refusalOf(mask)).toBe(
    "n + kv > 2147483600: expected integers below 2147483648, of which kernels keep every unit, " +
      "got 2147483653 for kv in 0..15, n = 2147483653; " +
      "capture the difference of the large ones instead, or all of them in larger units",
  );
  expect(() => blockMask(mask, { M: N, N })).toThrow(RangeError);
  const ones = new Tensor(new Float32Array(N).fill(1), [1, 1, N, 1]);
  await expect(attention(ones, ones, ones, { mask })).rejects.toThrow("capture the difference");
  const start = 1_753_940_000_000;
  const score = scoreMod(
    { start },
    ({ start }) =>
      (s, { kv }) =>
        s + (start - 1_753_940_000_003 + kv),
  );
  await expect(attention(ones, ones, ones, { score })).rejects.toThrow("capture the difference");
});

test("large numbers beside scores and fractions, and as bounds out of reach, stay what they were", async () => {
  const ones = new Tensor(new Float32Array(N).fill(1), [1, 1, N, 1]);
  const variants = [
    {
      score: scoreMod(
        { far: -1e30 },
        ({ far }) =>
          (s, { q, kv }) =>
            q < kv ? s + far : s,
      ),
    },
    {
      score: scoreMod(
        { far: 3e9 },
        ({ far }) =>
          (s, { q, kv }) =>
            s - far * Number(q < kv),
      ),
    },
    {
      score: scoreMod(
        { start: 2 ** 40 },
        ({ start }) =>
          (s, { kv }) =>
            s + (kv - start) * 1e-12,
      ),
    },
    {
      mask: maskMod(
        { most: Number.MAX_SAFE_INTEGER },
        ({ most }) =>
          ({ q, kv }) =>
            q - kv < most,
      ),
    },
    {
      mask: maskMod(
        { most: 2 ** 53 },
        ({ most }) =>
          ({ q, kv }) =>
            kv <= q + most,
      ),
    },
  ];
  for (const variant of variants) {
    const [ours, meant] = [
      await attention(ones, ones, ones, variant),
      await attention(ones, ones, ones, { ...variant, device: "reference" }),
    ];
    expect(ours.data.every((x, at) => Math.abs(x - Number(meant.data[at])) < 1e-6)).toBe(true);
  }
});

describe("a bit operation on a number that is no 32-bit integer", () => {
  const far = Float32Array.from({ length: N }, (_, n) => n * 1e9);
  const near = Float32Array.from({ length: N }, (_, n) => (n - 8) * 2.6e8 + 0.5);

  const refused: readonly (readonly [string, MaskMod])[] = [
    [
      "x | 0",
      maskMod(
        { far },
        ({ far }) =>
          ({ kv }) =>
            ((far[kv] | 0) & 3) === 0,
      ),
    ],
    [
      "~~x",
      maskMod(
        { far },
        ({ far }) =>
          ({ kv }) =>
            ~~far[kv] > 7,
      ),
    ],
    [
      "x >> 1",
      maskMod(
        { far },
        ({ far }) =>
          ({ kv }) =>
            far[kv] >> 1 > 7,
      ),
    ],
    [
      "-x ^ 1",
      maskMod(
        { far },
        ({ far }) =>
          ({ kv }) =>
            (-far[kv] ^ 1) > 7,
      ),
    ],
    ["kv * 500000000.5 | 0", maskMod(({ kv }) => ((kv * 500000000.5) | 0) > 7)],
    [
      "a captured Infinity",
      maskMod(
        { n: Infinity },
        ({ n }) =>
          ({ kv }) =>
            (n | 0) === kv,
      ),
    ],
    ["Math.exp(kv * 3) | 0", maskMod(({ kv }) => (Math.exp(kv * 3) | 0) > 7)],
    [
      "a choice",
      maskMod(
        { far },
        ({ far }) =>
          ({ q, kv }) =>
            ((q > 3 ? far[kv] : 1) | 0) > 7,
      ),
    ],
  ];

  test.each(refused)("is refused where it can leave 32 bits: %s", (_, mask) => {
    expect(differences(mask)).not.toEqual([]);
    expect(refusalOf(mask)).toMatch(/ in a bit operation: expected numbers of 32 bits, got up to /);
  });

  test("the refusal shows the number, how far it goes, and what to write instead", () => {
    const mask = maskMod(
      { far },
      ({ far }) =>
        ({ kv }) =>
          (far[kv] | 0) > 7,
    );
    expect(refusalOf(mask)).toBe(
      "far[kv] in a bit operation: expected numbers of 32 bits, got up to 15000000512 for kv in 0..15; " +
        "bound it first: Math.max(-1e9, Math.min(1e9, x)) in place of x",
    );
    const bounded = maskMod(
      { far },
      ({ far }) =>
        ({ kv }) =>
          (Math.max(-1e9, Math.min(1e9, far[kv])) | 0) > 7,
    );
    expect(refusalOf(bounded)).toBeNull();
    expect(differences(bounded)).toEqual([]);
  });

  const mixed = Float32Array.of(NaN, 1.5, -1.5, NaN, 2e9, -2e9);
  const accepted: readonly (readonly [string, MaskMod])[] = [
    [
      "within 32 bits",
      maskMod(
        { near },
        ({ near }) =>
          ({ q, kv }) =>
            (near[kv] | 0) > ~~near[q],
      ),
    ],
    [
      "NaN among others",
      maskMod(
        { mixed },
        ({ mixed }) =>
          ({ kv }) =>
            (mixed[kv] | 0) === 0,
      ),
    ],
    [
      "a captured NaN",
      maskMod(
        { n: NaN },
        ({ n }) =>
          ({ kv }) =>
            (n | 0) === kv,
      ),
    ],
    [
      "kept from it by a condition",
      maskMod(
        { n: 2 ** -10 },
        ({ n }) =>
          ({ kv }) =>
            kv > 0 && ((1 / (kv * n)) | 0) < 200,
      ),
    ],
    [
      "an index",
      maskMod(
        { far, row: [true, false] },
        ({ far, row }) =>
          ({ kv }) =>
            row[Math.floor(far[kv])],
      ),
    ],
  ];

  test.each(accepted)("means what JavaScript says: %s", (_, mask) => {
    expect(refusalOf(mask)).toBeNull();
    expect(differences(mask)).toEqual([]);
  });

  test("a score, which nothing bounds, takes the nearest integer of 32 bits", async () => {
    const ones = new Tensor(new Float32Array(N).fill(1), [1, 1, N, 1]);
    const score = scoreMod((s) => s | 0);
    const { max } = await attention(ones, ones, ones, { score, scale: 1e12, returnMax: true });
    expect(max?.data[0]).toBe(2 ** 31);
  });
});
