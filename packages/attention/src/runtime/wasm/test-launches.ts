/** Launches for tests of the wasm runtime: what `api` would hand over, made from IR and seeded numbers. */
import { buildBlockMask } from "../../mask/build.ts";
import { needsBits } from "../../mask/needs-bits.ts";
import type { TestMask } from "../../mask/test-masks.ts";
import { elementsOf } from "../../reference/formats.ts";
import { chooseSchedule } from "../../schedule/choose-schedule.ts";
import type { Tensor } from "../../tensor.ts";
import { cut, type InputOptions, makeInputs } from "../../testing/inputs.ts";
import type { Device, KernelSpec, Launch, LaunchResult, Shape } from "../device.ts";

export interface LaunchOptions extends Partial<Shape>, Partial<InputOptions> {
  readonly mask?: TestMask | null;
  readonly schedule?: KernelSpec["schedule"];
  readonly blockSize?: readonly [queries: number, keys: number];
  readonly queryOffset?: readonly number[];
  readonly kvLength?: readonly number[];
  readonly scale?: number;
  readonly sinks?: Float32Array | null;
  readonly out?: Tensor | null;
  readonly signal?: AbortSignal | null;
  readonly want?: Launch["want"];
}

export interface TestLaunch {
  readonly spec: KernelSpec;
  readonly launch: Launch;
}

const noCaptures = { uniforms: new Map(), tensors: new Map() };

function maskOf(mask: TestMask | null, launch: Launch, blockSize: readonly [number, number]) {
  if (mask === null) return null;
  const { B, Hq: H, M, N } = launch.shape;
  const [blockQ, blockKv] = blockSize;
  const { queryOffset, kvLength } = launch;
  return buildBlockMask({ ...mask, B, H, M, N, blockQ, blockKv, queryOffset, kvLength });
}

/** B1 Hq2 Hkv1 M100 N77 D16 Dv8, f32, dense, without a mask, and what `options` say instead. */
export function testLaunch(options: LaunchOptions = {}): TestLaunch {
  const { B = 1, Hkv = 1, Hq = 2 * Hkv, M = 100, N = 77, D = 16, Dv = 8 } = options;
  const { dtype = "f32", numbers = "normal", layout = "dense", seed = 1 } = options;
  const { mask = null, blockSize = [128, 128] } = options;
  const shape = { B, Hq, Hkv, M, N, D, Dv };
  const plain: Launch = {
    shape,
    ...makeInputs(shape, { dtype, numbers, layout, seed }),
    scale: options.scale ?? 1 / Math.sqrt(D),
    queryOffset: Int32Array.from(options.queryOffset ?? Array(B).fill(0)),
    kvLength: Int32Array.from(options.kvLength ?? Array(B).fill(N)),
    blockMask: null,
    captures: mask?.captures ?? noCaptures,
    sinks: options.sinks ?? null,
    want: options.want ?? { lse: true, max: true },
    out: options.out ?? null,
    signal: options.signal ?? null,
  };
  const maskBits = mask !== null && needsBits(mask.expression);
  const expression = maskBits ? null : (mask?.expression ?? null);
  const schedule = options.schedule ?? chooseSchedule(shape);
  return {
    spec: { schedule, score: null, mask: expression, maskBits, D, Dv, dtype },
    launch: { ...plain, blockMask: maskOf(mask, plain, blockSize) },
  };
}

export const runOn = async (device: Device, { spec, launch }: TestLaunch): Promise<LaunchResult> =>
  (await device.kernel(spec)).run(launch);

/** Everything that a launch answers, for comparison to the bit (NaN equals NaN). */
export const bitsOf = ({ out, lse, max }: LaunchResult): (Float64Array | null)[] =>
  [out, lse, max].map((tensor) => (tensor === null ? null : elementsOf(tensor)));

const only = (tensor: Tensor, b: number): Tensor => cut(tensor, 0, b, b + 1);

/** Batch element b of a launch as a launch of its own. */
export function alone(options: LaunchOptions, b: number): TestLaunch {
  const { launch } = testLaunch(options);
  const { query, key, value, queryOffset, kvLength } = launch;
  const own = { queryOffset: [queryOffset[b] ?? 0], kvLength: [kvLength[b] ?? 0] };
  const single = testLaunch({ ...options, ...own, B: 1 });
  const inputs = { query: only(query, b), key: only(key, b), value: only(value, b) };
  return { ...single, launch: { ...single.launch, ...inputs } };
}

/** What a launch answers for batch element b. */
export const partOf = ({ out, lse, max }: LaunchResult, b: number): LaunchResult => ({
  out: only(out, b),
  lse: lse === null ? null : only(lse, b),
  max: max === null ? null : only(max, b),
});
