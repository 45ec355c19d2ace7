/** Random launches for tests: shapes, and block masks whose runs are drawn rather than built from a function. */
import * as fc from "fast-check";
import { type BlockMask, FULL, PARTIAL } from "../mask/block-mask.ts";
import type { Shape } from "../runtime/device.ts";
import type { Masking } from "./mask-rows.ts";

export interface RandomLaunch {
  readonly shape: Shape;
  readonly masking: Masking;
}

const shapes: fc.Arbitrary<Shape> = fc
  .record({
    B: fc.integer({ min: 1, max: 3 }),
    Hkv: fc.integer({ min: 1, max: 3 }),
    group: fc.integer({ min: 1, max: 3 }),
    M: fc.integer({ min: 1, max: 400 }),
    N: fc.integer({ min: 1, max: 700 }),
  })
  .map(({ group, ...shape }) => ({ ...shape, Hq: shape.Hkv * group, D: 8, Dv: 4 }));

/** Blocks listed with probability 1/2; neighbours of one kind are one run. */
function drawMask(
  shape: Shape,
  kvLength: Int32Array,
  draw: () => number,
  [blockQ, blockKv]: readonly [number, number],
): BlockMask {
  const [B, H] = [draw() < 0.5 ? 1 : shape.B, draw() < 0.5 ? 1 : shape.Hq];
  const rows = Math.ceil(shape.M / blockQ);
  const rowStart = [0];
  const runs: number[] = [];
  for (let row = 0; row < B * H * rows; row++) {
    const b = B === 1 ? 0 : Math.floor(row / (H * rows));
    const length = B === 1 ? Math.min(...kvLength) : (kvLength[b] ?? 0);
    for (let start = 0; start < length; start += blockKv) {
      if (draw() < 0.5) continue;
      const end = Math.min(start + blockKv, length);
      runs.push(start, end, draw() < 0.5 ? FULL : PARTIAL, -1);
    }
    rowStart.push(runs.length / 4);
  }
  const { M, N } = shape;
  const [queryOffset, bits] = [new Int32Array(B), null];
  const lists = { rowStart: Int32Array.from(rowStart), runs: Int32Array.from(runs) };
  return { B, H, M, N, blockQ, blockKv, rows, queryOffset, kvLength, ...lists, bits };
}

const blockSizes = [
  [64, 128],
  [128, 128],
  [256, 64],
  [72, 200],
] as const;

export const launches: fc.Arbitrary<RandomLaunch> = shapes.chain((shape) =>
  fc
    .record({
      lengths: fc.array(fc.integer({ min: 0, max: shape.N }), {
        minLength: shape.B,
        maxLength: shape.B,
      }),
      blocks: fc.option(fc.constantFrom(...blockSizes)),
      seed: fc.integer({ min: 1, max: 2 ** 31 - 2 }),
    })
    .map(({ lengths, blocks, seed }) => {
      const kvLength = Int32Array.from(lengths);
      let state = seed;
      const draw = (): number => (state = (state * 48_271) % (2 ** 31 - 1)) / (2 ** 31 - 1);
      const blockMask = blocks === null ? null : drawMask(shape, kvLength, draw, blocks);
      return { shape, masking: { blockMask, kvLength } };
    }),
);
