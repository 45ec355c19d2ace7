import * as fc from "fast-check";
import { expect, test } from "vitest";
import { DECODE_COMBINE_WORDS, DECODE_ITEM_WORDS, decodeWork } from "./decode.ts";
import { eachRun, type Masking } from "./mask-rows.ts";
import { cutIntoParts, wholeLaunch } from "./parts.ts";
import { launches } from "./test-launches.ts";

const SPLIT = 96;

const records = (words: Int32Array, size: number): number[][] =>
  Array.from({ length: words.length / size }, (_, at) => [
    ...words.subarray(at * size, (at + 1) * size),
  ]);

test("splits cover exactly the splits that a row lists, and begin at fixed key positions", () => {
  fc.assert(
    fc.property(launches, ({ shape, masking }) => {
      const group = shape.Hq / shape.Hkv;
      const { items } = decodeWork(wholeLaunch(shape), masking, group, SPLIT);
      const listed = new Set<string>();
      for (let b = 0; b < shape.B; b++) {
        for (let h = 0; h < shape.Hq; h++) {
          for (let row = 0; row < shape.M; row++) {
            eachRun(masking, { b, h, row }, (start, end) => {
              for (let split = Math.floor(start / SPLIT); split * SPLIT < end; split++) {
                listed.add(`${b} ${Math.floor(h / group)} ${split}`);
              }
            });
          }
        }
      }
      const covered = records(items, DECODE_ITEM_WORDS).map(([b = 0, g, start = 0, end]) => {
        expect(start % SPLIT).toBe(0);
        expect(end).toBe(Math.min(start + SPLIT, masking.kvLength[b] ?? 0));
        return `${b} ${g} ${start / SPLIT}`;
      });
      expect(new Set(covered).size).toBe(covered.length);
      expect(covered.toSorted()).toEqual([...listed].toSorted());
    }),
  );
});

test("every (batch, key head) is combined once, from its own items by rising key", () => {
  fc.assert(
    fc.property(launches, ({ shape, masking }) => {
      const { items, combines } = decodeWork(
        wholeLaunch(shape),
        masking,
        shape.Hq / shape.Hkv,
        SPLIT,
      );
      const splits = records(items, DECODE_ITEM_WORDS);
      const used = records(combines, DECODE_COMBINE_WORDS).flatMap(
        ([b, g, first = 0, count = 0]) => {
          const own = splits.slice(first, first + count);
          expect(own.every(([itemB, itemG]) => itemB === b && itemG === g)).toBe(true);
          const starts = own.map(([, , start = 0]) => start);
          expect(starts).toEqual(starts.toSorted((x, y) => x - y));
          return own;
        },
      );
      expect(used).toEqual(splits);
      expect(combines.length / DECODE_COMBINE_WORDS).toBe(shape.B * shape.Hkv);
    }),
  );
});

test("a sequence has the same splits alone, in a batch, and in a part of a launch", () => {
  fc.assert(
    fc.property(launches, ({ shape, masking }) => {
      const group = shape.Hq / shape.Hkv;
      const whole = decodeWork(wholeLaunch(shape), masking, group, SPLIT);
      const parts = cutIntoParts(shape, 0, () => false);
      const cut = parts.flatMap((part) =>
        records(decodeWork(part, masking, group, SPLIT).items, DECODE_ITEM_WORDS),
      );
      expect(cut).toEqual(records(whole.items, DECODE_ITEM_WORDS));
      if (masking.blockMask !== null) return;
      const alone: Masking = { blockMask: null, kvLength: masking.kvLength.slice(-1) };
      const last = decodeWork(wholeLaunch({ ...shape, B: 1 }), alone, group, SPLIT);
      const own = records(whole.items, DECODE_ITEM_WORDS).filter(([b]) => b === shape.B - 1);
      expect(records(last.items, DECODE_ITEM_WORDS)).toEqual(
        own.map(([, ...rest]) => [0, ...rest]),
      );
    }),
  );
});
