import { describe, expect, test } from "vitest";
import { Tensor } from "../tensor.ts";
import { alibi, alibiSlopes } from "./alibi.ts";
import { blockCausal } from "./block-causal.ts";
import { blockDiffusion } from "./block-diffusion.ts";
import { causal } from "./causal.ts";
import { dilatedWindow } from "./dilated-window.ts";
import { document } from "./document.ts";
import { flamingo } from "./flamingo.ts";
import { globalWindow } from "./global-window.ts";
import { graphormer } from "./graphormer.ts";
import { distanceBias, headBias, pairBias } from "./learned-bias.ts";
import { mlaRope } from "./mla-rope.ts";
import { natten2d, natten2dTiled } from "./natten.ts";
import { mortonOrder, tiledOrder } from "./neighbourhood.ts";
import { packedCausal } from "./packed-causal.ts";
import { perBatch } from "./per-batch.ts";
import { prefixLm } from "./prefix-lm.ts";
import { relativePosition } from "./relative-position.ts";
import { sandwich } from "./sandwich.ts";
import { sharedPrefix } from "./shared-prefix.ts";
import { sinkLogits } from "./sinks.ts";
import { slidingTile2d, slidingTile3d } from "./sliding-tile.ts";
import { slidingWindow } from "./sliding-window.ts";
import { softCap } from "./soft-cap.ts";
import { speculativeTree } from "./speculative-tree.ts";

// A caller in plain JavaScript passes anything.
// oxlint-disable-next-line typescript/no-explicit-any
const any = (value: unknown): any => value;

const indices = (...shape: number[]): Tensor =>
  new Tensor(new Int32Array(shape.reduce((a, b) => a * b, 1)), shape);
const tensor = (...shape: number[]): Tensor =>
  new Tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape);

const graph = {
  distance: indices(2, 2),
  spatial: tensor(2, 2),
  path: indices(2, 2, 1),
  edge: tensor(1, 1, 1),
};

type Row = readonly [call: () => unknown, kind: ErrorConstructor, message: string];

const rows: readonly Row[] = [
  [
    () => slidingWindow(0),
    RangeError,
    "width: expected an integer from 1 to 2147483647, got 0; a window of 1",
  ],
  [() => slidingWindow(2.5), RangeError, "width: expected an integer"],
  [() => slidingWindow(NaN), RangeError, "got NaN"],
  [() => slidingWindow(any("8")), TypeError, 'got "8"'],
  [() => slidingWindow(2 ** 31), RangeError, "got 2147483648"],
  [() => dilatedWindow(0, 1), RangeError, "width:"],
  [() => dilatedWindow(4, 0), RangeError, "dilation:"],
  [() => dilatedWindow(2 ** 20, 2 ** 20), RangeError, "width * dilation:"],
  [() => globalWindow(-1, 0), RangeError, "radius:"],
  [
    () => globalWindow(1, any(null)),
    TypeError,
    "globals: expected an integer from 0 to 2147483647, got null",
  ],
  [() => prefixLm(-3), RangeError, "prefix:"],
  [() => prefixLm([1, -1]), RangeError, "prefix[1]:"],
  [() => prefixLm(any({})), TypeError, "prefix: expected an array or typed array of numbers"],
  [() => document([]), RangeError, "ids: expected at least one integer, got none"],
  [() => document([0, 1.5]), RangeError, "ids[1]:"],
  [() => document(any("0011")), TypeError, "ids:"],
  [
    () => packedCausal([0, 1, 0]),
    RangeError,
    "ids[2]: expected documents without gaps, got document 0 again after 1",
  ],
  [() => sharedPrefix(1.5, [0]), RangeError, "prefix:"],
  [() => sharedPrefix(1, any(undefined)), TypeError, "ids:"],
  [() => blockCausal(0), RangeError, "block:"],
  [() => blockDiffusion(0, 4), RangeError, "length:"],
  [() => blockDiffusion(8, 0), RangeError, "block:"],
  [() => speculativeTree(-1, [-1]), RangeError, "context:"],
  [
    () => speculativeTree(0, [-1, 1]),
    RangeError,
    "parents[1]: expected a node before 1, or -1, got 1; number",
  ],
  [() => speculativeTree(0, [-2]), RangeError, "parents[0]:"],
  [() => natten2d({ height: 0, width: 4, kernel: 1 }), RangeError, "height:"],
  [
    () => natten2d({ height: 4, width: 4, kernel: 2 }),
    RangeError,
    "kernel: expected an odd integer, got 2",
  ],
  [
    () => natten2d({ height: 4, width: 4, kernel: 5 }),
    RangeError,
    "kernel: expected an integer from 1 to 4",
  ],
  [
    () => natten2dTiled({ height: 6, width: 4, kernel: 3, tile: 4 }),
    RangeError,
    "tile: expected a divisor of 6",
  ],
  [
    () => tiledOrder([6, 6], [4, 3]),
    RangeError,
    "tile height: expected a divisor of 6, got 4; pad the grid",
  ],
  [() => mortonOrder([0, 3]), RangeError, "height:"],
  [() => slidingTile2d({ grid: [6, 6], tile: [2, 4], window: [1, 1] }), RangeError, "tile[1]:"],
  [
    () => slidingTile2d({ grid: [6, 6], tile: [2, 2], window: [1, 2] }),
    RangeError,
    "window[1]: expected an odd",
  ],
  [
    () => slidingTile3d({ grid: [2, 6, 6], tile: [1, 2, 2], window: [3, 1, 1] }),
    RangeError,
    "window[0]:",
  ],
  [() => flamingo([-2], 4), RangeError, "images[0]:"],
  [() => flamingo([0], 0), RangeError, "imageTokens:"],
  [() => perBatch([], [0]), RangeError, "masks: expected at least one"],
  [() => perBatch(any(causal), [0]), TypeError, "masks: expected an array"],
  [() => perBatch([causal], [1]), RangeError, "choice[0]: expected an integer from 0 to 0, got 1"],
  [() => relativePosition(Infinity), RangeError, "weight:"],
  [() => alibi([NaN]), RangeError, "slopes[0]: expected a finite number, got NaN"],
  [() => alibi([]), RangeError, "slopes:"],
  [() => alibiSlopes(0), RangeError, "heads:"],
  [() => softCap(0), RangeError, "cap: expected a number above 0, got 0; leave the score out"],
  [() => softCap(any("30")), TypeError, "cap:"],
  [() => sandwich(0, 8), RangeError, "heads:"],
  [() => sandwich(4, 7), RangeError, "width: expected an even integer, got 7"],
  [() => sinkLogits(4, NaN), RangeError, "logit:"],
  [
    () => mlaRope({ query: any([1]), key: tensor(1, 8, 4), scale: 1 }),
    TypeError,
    "query: expected a Tensor",
  ],
  [
    () => mlaRope({ query: tensor(1, 2, 8, 4), key: tensor(8, 4), scale: 1 }),
    RangeError,
    "key: expected 3 axes",
  ],
  [
    () => mlaRope({ query: tensor(1, 2, 8, 4), key: tensor(1, 8, 5), scale: 1 }),
    RangeError,
    "query and key:",
  ],
  [
    () => mlaRope({ query: tensor(1, 2, 8, 4), key: tensor(1, 8, 4), scale: NaN }),
    RangeError,
    "scale:",
  ],
  [() => distanceBias(tensor(4)), RangeError, "table: expected an odd length, got 4"],
  [() => pairBias(tensor(4)), RangeError, "table: expected 2 axes"],
  [() => headBias(any(new Float32Array(8))), TypeError, "table: expected a Tensor"],
  [() => graphormer({ ...graph, path: indices(2, 2) }), RangeError, "path: expected 3 axes"],
  [
    () => graphormer({ ...graph, path: indices(2, 2, 0) }),
    RangeError,
    "path: expected 1 to 64 steps",
  ],
  [() => graphormer({ ...graph, spatial: any(1) }), TypeError, "spatial: expected a Tensor, got 1"],
  [
    () => graphormer({ ...graph, distance: tensor(2, 2) }),
    TypeError,
    "distance: expected i32, got f32",
  ],
];

describe("a variant's parameters", () => {
  test.each(rows)("%s is refused", (call, kind, message) => {
    expect(call).toThrow(kind);
    expect(call).toThrow(message);
    expect(call).toThrow(/^[^:]+: expected [^]+, got [^]+; [^]+[^.]$/);
  });
});
