/**
 * Laws that hold whatever the right numbers are: a target that keeps the budget can still break one.
 *
 * Within the budget of the case: sparse equals dense; keys in two parts, merged by their lse, equal one pass. To the bit: the same call
 * twice; a sequence alone as in a batch; the rows of a causal mask whatever comes later; one thread and two.
 */
import { attention } from "../api/attention.ts";
import { and, maskMod, type MaskMod, scoreMod } from "../api/mods.ts";
import type { AttentionOptions } from "../api/options.ts";
import type { Answer } from "../reference/attention.ts";
import { elementsOf } from "../reference/formats.ts";
import type { Device } from "../runtime/device.ts";
import type { FloatType } from "../tensor.ts";
import { gallery } from "../variants/gallery.ts";
import type { Mods } from "../variants/gallery-entry.ts";
import { type Case, shapeOf } from "./cases.ts";
import { cut, type Inputs, makeInputs, replaceFrom } from "./inputs.ts";
import { judgeCase, prepareCase, setUpCase } from "./run-case.ts";

/** The target with a number of threads. */
export type Opener = (threads: number) => Promise<Device>;

export interface Law {
  readonly name: string;
  /** What is broken on this target, one sentence each. */
  readonly check: (open: Opener) => Promise<string[]>;
}

/** A plain case with a block row and a bit, three batch elements, and grouped heads. */
const base: Case = {
  ...{ name: "law", seed: 77, variant: "causal", dtype: "f32", passes: "forward" },
  ...{ B: 3, Hkv: 2, group: 2, M: 97, N: 97, D: 20, Dv: 12, threads: 1 },
  ...{ numbers: "normal", layout: "dense", blockSize: 64, positions: "plain" },
  ...{ sinks: false, scale: null, into: "new" },
};

const dtypes: readonly FloatType[] = ["f32", "f16", "bf16"];
/** Many rows, and few: both schedules. */
const lengths: readonly number[] = [97, 2];

async function compute(
  device: Device,
  { query, key, value }: Inputs,
  options: AttentionOptions,
): Promise<Answer> {
  const wanted = { ...options, device, returnLse: true, returnMax: true } as const;
  const { out, lse, max } = await attention(query, key, value, wanted);
  const rows = (tensor: typeof lse): Float64Array =>
    tensor === null ? new Float64Array() : elementsOf(tensor);
  return { out: elementsOf(out), lse: rows(lse), max: rows(max) };
}

/** The first difference to the bit, NaN equal to NaN. */
function differences(what: string, a: Answer, b: Answer): string[] {
  return (["out", "lse", "max"] as const).flatMap((name) => {
    const at = a[name].findIndex((value, i) => !Object.is(value, b[name][i]));
    if (at < 0) return [];
    return [`${what}: ${name}[${at}] is ${a[name][at]} and ${b[name][at]}`];
  });
}

/** The mask moved into the score, so that no block is skipped and none is masked. */
function dense({ score, mask, ...rest }: Mods): AttentionOptions {
  if (mask === undefined) return { ...rest, ...(score === undefined ? {} : { score }) };
  const identity = score ?? scoreMod((s) => s);
  const masked = scoreMod(
    { identity, mask },
    ({ identity, mask }) =>
      (s, at) =>
        mask(at) ? identity(s, at) : -Infinity,
  );
  return { ...rest, score: masked };
}

async function sparseEqualsDense(device: Device): Promise<string[]> {
  const masked = gallery.filter(({ kind }) => kind === "mask" || kind === "both");
  // All at one time: a target may compile their kernels together.
  const problems = masked.map(async ({ name }) => {
    const one: Case = { ...base, variant: name, B: 1, Hkv: 1, M: 80, N: 70, name: `dense ${name}` };
    const prepared = prepareCase(one);
    const result = await compute(device, prepared.inputs, dense(prepared.mods));
    return judgeCase(one, prepared, result).map((problem) => `${name}: ${problem}`);
  });
  return (await Promise.all(problems)).flat();
}

const before = (end: number): MaskMod =>
  maskMod(
    { end },
    ({ end }) =>
      ({ kv }) =>
        kv < end,
  );
const from = (start: number): MaskMod =>
  maskMod(
    { start },
    ({ start }) =>
      ({ kv }) =>
        kv >= start,
  );

/** Two softmaxes over disjoint keys as one: each weighs exp(its lse). */
function merge(a: Answer, b: Answer, Dv: number): Answer {
  const max = a.max.map((x, row) => Math.max(x, b.max[row] ?? NaN));
  const lse = a.lse.map((x, row) => {
    const y = b.lse[row] ?? NaN;
    const top = Math.max(x, y);
    return top === -Infinity ? top : top + Math.log(Math.exp(x - top) + Math.exp(y - top));
  });
  const out = a.out.map((value, i) => {
    const row = Math.floor(i / Dv);
    const share = (part: Answer): number => Math.exp((part.lse[row] ?? NaN) - (lse[row] ?? NaN));
    return lse[row] === -Infinity ? 0 : value * share(a) + (b.out[i] ?? NaN) * share(b);
  });
  return { out, lse, max };
}

async function splitMerges(device: Device): Promise<string[]> {
  const problems: string[] = [];
  for (const M of lengths) {
    for (const middle of [1, 64, 80]) {
      const one: Case = { ...base, M, variant: "sliding-window", name: "split" };
      const prepared = prepareCase(one);
      const { score, mask = before(one.N) } = prepared.mods;
      const scored = score === undefined ? {} : { score };
      const parts = await Promise.all(
        [before(middle), from(middle)].map((half) =>
          compute(device, prepared.inputs, { ...scored, mask: and(mask, half) }),
        ),
      );
      const [left, right] = parts;
      if (left === undefined || right === undefined) continue;
      const merged = merge(left, right, one.Dv);
      problems.push(
        ...judgeCase(one, prepared, merged).map((p) => `M ${M}, split at ${middle}: ${p}`),
      );
    }
  }
  return problems;
}

async function sameTwice(device: Device): Promise<string[]> {
  const problems: string[] = [];
  for (const dtype of dtypes) {
    for (const M of lengths) {
      const { inputs, mods } = setUpCase({ ...base, dtype, M });
      const [first, second] = [
        await compute(device, inputs, mods),
        await compute(device, inputs, mods),
      ];
      problems.push(...differences(`${dtype}, M ${M}`, first, second));
    }
  }
  return problems;
}

/** Batch element b of a row-major answer. */
function element(answer: Answer, b: number, B: number): Answer {
  const part = (values: Float64Array): Float64Array =>
    values.slice((b * values.length) / B, ((b + 1) * values.length) / B);
  return { out: part(answer.out), lse: part(answer.lse), max: part(answer.max) };
}

async function aloneAsInBatch(device: Device): Promise<string[]> {
  const problems: string[] = [];
  const kvLength = [97, 40, 81];
  for (const dtype of dtypes) {
    for (const M of lengths) {
      const one: Case = { ...base, dtype, M, variant: "alibi" };
      const { inputs, mods } = setUpCase(one);
      const queryOffset = kvLength.map((keys) => Math.max(keys - M, 0));
      const together = await compute(device, inputs, { ...mods, kvLength, queryOffset });
      for (let b = 0; b < one.B; b++) {
        const single: Inputs = {
          query: cut(inputs.query, 0, b, b + 1),
          key: cut(inputs.key, 0, b, b + 1),
          value: cut(inputs.value, 0, b, b + 1),
        };
        const positions = { kvLength: kvLength[b] ?? 0, queryOffset: queryOffset[b] ?? 0 };
        const alone = await compute(device, single, { ...mods, ...positions });
        const what = `${dtype}, M ${M}, batch element ${b}`;
        problems.push(...differences(what, element(together, b, one.B), alone));
      }
    }
  }
  return problems;
}

/** The first `rows` rows of each head of a row-major answer. */
function firstRows(answer: Answer, rows: number, M: number): Answer {
  const part = (values: Float64Array): Float64Array => {
    const width = values.length / (base.B * base.Hkv * base.group * M);
    return values.filter((_, i) => Math.floor(i / width) % M < rows);
  };
  return { out: part(answer.out), lse: part(answer.lse), max: part(answer.max) };
}

async function laterTokensDoNotMatter(device: Device): Promise<string[]> {
  const problems: string[] = [];
  const rows = 70; // inside a block
  for (const dtype of dtypes) {
    const one: Case = { ...base, dtype };
    const { inputs, mods } = setUpCase(one);
    const later = makeInputs(shapeOf(one), { ...one, seed: one.seed + 1 });
    const spliced: Inputs = {
      query: inputs.query,
      key: replaceFrom(inputs.key, rows, later.key),
      value: replaceFrom(inputs.value, rows, later.value),
    };
    const [first, second] = [
      await compute(device, inputs, mods),
      await compute(device, spliced, mods),
    ];
    problems.push(
      ...differences(dtype, firstRows(first, rows, one.M), firstRows(second, rows, one.M)),
    );
  }
  return problems;
}

async function threadsAgree(one: Device, many: Device): Promise<string[]> {
  const problems: string[] = [];
  for (const dtype of dtypes) {
    for (const M of lengths) {
      const { inputs, mods } = setUpCase({ ...base, dtype, M });
      const [alone, shared] = [await compute(one, inputs, mods), await compute(many, inputs, mods)];
      problems.push(...differences(`${dtype}, M ${M}`, alone, shared));
    }
  }
  return problems;
}

const onOne =
  (check: (device: Device) => Promise<string[]>): Law["check"] =>
  async (open) =>
    check(await open(1));

export const laws: readonly Law[] = [
  { name: "masked in blocks equals masked in the score", check: onOne(sparseEqualsDense) },
  { name: "keys in two parts, merged, equal one pass", check: onOne(splitMerges) },
  { name: "the same call twice gives the same bits", check: onOne(sameTwice) },
  { name: "a sequence alone has the bits it has in a batch", check: onOne(aloneAsInBatch) },
  {
    name: "later tokens do not change the bits of causal rows",
    check: onOne(laterTokensDoNotMatter),
  },
  {
    name: "two threads give the bits of one",
    check: async (open) => threadsAgree(await open(1), await open(2)),
  },
];
