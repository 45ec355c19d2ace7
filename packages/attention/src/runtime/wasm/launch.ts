/** One launch on the wasm target: cut into parts that fit the budget; each is staged, computed and collected. */
import {
  type CaptureLayout,
  COMBINE_WORDS,
  type ConvertExports,
  ITEM_WORDS,
  type KernelExports,
  partialBytes,
  QUERY_LANES,
  splitKeys,
  TILE_QUERIES,
} from "../../emit/wasm/abi.ts";
import { flopsPerPair } from "../../schedule/count-work.ts";
import { decodeWork } from "../../schedule/decode.ts";
import { forwardWork } from "../../schedule/forward.ts";
import { keyRange } from "../../schedule/mask-rows.ts";
import { cutIntoParts, type Part } from "../../schedule/parts.ts";
import type { KernelSpec, Launch, LaunchResult } from "../device.ts";
import type { Arena } from "./arena.ts";
import type { Crew } from "./crew.ts";
import { keysOfPart, keySpan, placeSpan, rowSpan } from "./footprint.ts";
import type { LoadedModule } from "./module.ts";
import { Parameters, put } from "./parameters.ts";
import { newResult } from "../shared/new-result.ts";
import { storeRows } from "./store-rows.ts";
import { RAW_BYTES, Stage } from "./stage.ts";

export interface LaunchContext {
  readonly arena: Arena;
  readonly crew: Crew;
  readonly stagingBytes: number;
  readonly kernel: CompiledKernel;
  /** Null for f32. */
  readonly convert: LoadedModule<ConvertExports> | null;
}

export interface CompiledKernel {
  readonly id: number;
  readonly spec: KernelSpec;
  readonly module: LoadedModule<KernelExports>;
  /** What follows from the spec, worked out once. */
  readonly captures: CaptureLayout;
  readonly scratchBytes: number;
}

/** What stays the same for all parts of a launch. */
interface Run extends LaunchContext {
  readonly launch: Launch;
  readonly result: LaunchResult;
  readonly parameters: Parameters;
  readonly stage: Stage;
  readonly scratch: number;
}

/** What one part is made of, before it has a place. */
interface Work {
  readonly items: Int32Array;
  /** Empty for forward. */
  readonly combines: Int32Array;
  readonly pairs: number;
}

/** Addresses of the first elements of one part's tensors, perhaps outside the memory: see `placeSpan`. */
interface Staged {
  readonly queryAt: number;
  readonly keyAt: number;
  readonly valueAt: number;
  readonly outAt: number;
  readonly lseAt: number;
  readonly maxAt: number;
}

/**
 * Runs a launch. Parts do not change results: rows and splits do not depend on each other.
 *
 * @throws RangeError           the keys of one head do not fit the memory
 * @throws the signal's reason  it was aborted; `launch.out` may have been written in part
 */
export async function runLaunch(context: LaunchContext, launch: Launch): Promise<LaunchResult> {
  const { arena, crew, kernel } = context;
  const run: Run = {
    ...context,
    launch,
    result: newResult(launch, kernel.spec.dtype),
    parameters: Parameters.place(arena, kernel.captures, launch),
    scratch: arena.allocate(kernel.scratchBytes * crew.lanes),
    stage: await newStage(context),
  };
  const mark = arena.mark();
  for (const part of partsOf(run)) {
    arena.release(mark);
    const work = workOf(run, part);
    const staged = stagePart(run, part);
    await compute(run, work, staged);
    collect(run, part, staged);
  }
  return run.result;
}

async function newStage({ arena, convert }: LaunchContext): Promise<Stage> {
  if (convert === null) return new Stage(arena, null, 0);
  const raw = arena.allocate(RAW_BYTES);
  return new Stage(arena, await convert.on(arena.memory), raw);
}

/** Rows are cut where neither a tile nor a row of blocks is. */
const rowStep = ({ launch, kernel }: Run): number =>
  kernel.spec.schedule === "decode"
    ? 0
    : launch.blockMask === null
      ? TILE_QUERIES
      : launch.blockMask.blockQ * Math.ceil(TILE_QUERIES / launch.blockMask.blockQ);

/** Bytes of rows and of keys that a part keeps staged. */
function bytesOf({ launch, kernel: { spec } }: Run, part: Part): { rows: number; keys: number } {
  const { shape, want } = launch;
  const { D, Dv, Hq, Hkv } = shape;
  const keys = keysOfPart(launch, part);
  const columns = D + Dv + (want.lse ? 1 : 0) + (want.max ? 1 : 0);
  const rows = rowSpan(shape, part, columns).bytes;
  const splits = Math.ceil(Math.max(keys.end - keys.start, 0) / splitKeys(spec));
  const heads = (part.b1 - part.b0) * (part.g1 - part.g0);
  const partials = heads * splits * (Hq / Hkv) * shape.M * partialBytes(spec);
  return {
    rows: rows + (spec.schedule === "decode" ? partials : 0),
    keys: keySpan(shape, part, keys, D + Dv).bytes,
  };
}

/** Cutting the rows of one head stops when its keys, which every cut stages again, are most of what is left. */
function partsOf(run: Run): Part[] {
  const whole = run.launch.shape;
  return cutIntoParts(whole, rowStep(run), (part) => {
    const { rows, keys } = bytesOf(run, part);
    const isOneHead = part.b1 - part.b0 === 1 && part.g1 - part.g0 === 1;
    return rows + keys <= run.stagingBytes || (isOneHead && rows * 4 <= keys);
  });
}

function workOf({ launch, kernel: { spec }, crew }: Run, part: Part): Work {
  if (spec.schedule === "decode") {
    return decodeWork(part, launch, launch.shape.Hq / launch.shape.Hkv, splitKeys(spec));
  }
  const tiling = { tileQueries: TILE_QUERIES, lanes: QUERY_LANES, threads: crew.threads };
  return { ...forwardWork(part, launch, tiling), combines: new Int32Array(0) };
}

function stagePart(run: Run, part: Part): Staged {
  const { arena, stage, launch } = run;
  const { shape, want } = launch;
  const keys = keysOfPart(launch, part);
  const staged: Staged = {
    queryAt: placeSpan(arena, rowSpan(shape, part, shape.D)),
    keyAt: placeSpan(arena, keySpan(shape, part, keys, shape.D)),
    valueAt: placeSpan(arena, keySpan(shape, part, keys, shape.Dv)),
    outAt: placeSpan(arena, rowSpan(shape, part, shape.Dv)),
    lseAt: want.lse ? placeSpan(arena, rowSpan(shape, part, 1)) : 0,
    maxAt: want.max ? placeSpan(arena, rowSpan(shape, part, 1)) : 0,
  };
  for (let b = part.b0; b < part.b1; b++) {
    const { start: first, end: last } = keyRange(launch, { ...part, b });
    const heads = { b, h0: part.g0, h1: part.g1, first, last };
    stage.load(launch.query, { ...part, b }, staged.queryAt);
    stage.load(launch.key, heads, staged.keyAt);
    stage.load(launch.value, heads, staged.valueAt);
  }
  return staged;
}

async function compute(run: Run, { items, combines, pairs }: Work, staged: Staged): Promise<void> {
  const { arena, parameters, launch, kernel } = run;
  const { shape } = launch;
  const itemCount = items.length / ITEM_WORDS;
  const combineCount = combines.length / COMBINE_WORDS;
  const rows = (shape.Hq / shape.Hkv) * shape.M;
  parameters.set({ ...staged, ticket: 0, itemCount, itemsAt: put(arena, items) });
  if (combineCount > 0) {
    const partialsAt = arena.allocate(itemCount * rows * partialBytes(kernel.spec));
    parameters.set({
      partialsAt,
      combineTicket: 0,
      combineCount,
      combinesAt: put(arena, combines),
    });
  }
  parameters.copyForCaller();
  await execute(run, "run", itemCount, pairs * flopsPerPair(shape));
  if (combineCount > 0)
    await execute(run, "combine", combineCount, itemCount * rows * 3 * shape.Dv);
}

function execute(run: Run, phase: "run" | "combine", count: number, flops: number): Promise<void> {
  const { arena, crew, kernel, parameters, scratch, launch } = run;
  const { shared, own } = parameters;
  const { id, module, scratchBytes } = kernel;
  const places = { shared, own, scratch, scratchBytes };
  return crew.execute(arena, { id, module, ...places, phase, count, flops, signal: launch.signal });
}

function collect({ arena, stage, launch, result }: Run, part: Part, staged: Staged): void {
  for (let b = part.b0; b < part.b1; b++) stage.store(staged.outAt, result.out, { ...part, b });
  const { f32 } = arena.views;
  if (result.lse !== null) storeRows(f32, staged.lseAt, result.lse, launch.shape, part);
  if (result.max !== null) storeRows(f32, staged.maxAt, result.max, launch.shape, part);
}
