/** One launch on the native target: checked, described in words, run, and delivered. */
import {
  type CaptureLayout,
  COMBINE_WORDS,
  ITEM_WORDS,
  type NativeTarget,
  PACK_KEYS,
  PACK_WORDS,
  packNeeds,
  partialBytes,
  queryLanes,
  splitKeys,
  tileQueries,
} from "../../emit/native/abi.ts";
import { internalError, rangeError } from "../../errors.ts";
import { flopsPerPair } from "../../schedule/count-work.ts";
import { decodeWork } from "../../schedule/decode.ts";
import { forwardWork } from "../../schedule/forward.ts";
import { wholeLaunch } from "../../schedule/parts.ts";
import type { Tensor } from "../../tensor.ts";
import type { KernelSpec, Launch, LaunchResult } from "../device.ts";
import { newResult } from "../shared/new-result.ts";
import { denseInput, denseOutput } from "./dense.ts";
import { checkExtents } from "./extents.ts";
import { LaunchBlock, type LaunchWord, type Memory } from "./launch-block.ts";
import type { Library } from "./library.ts";
import type { Koffi } from "./machine.ts";
import type { Workspace } from "./workspace.ts";

export interface CompiledKernel {
  readonly spec: KernelSpec;
  readonly captures: CaptureLayout;
  readonly library: Library;
  /** Address of its function. */
  readonly entry: bigint;
}

export interface LaunchContext {
  readonly koffi: Koffi;
  readonly target: NativeTarget;
  readonly threads: number;
  /** Whether even a brief launch leaves the calling thread free. */
  readonly background: boolean;
  readonly workspace: Workspace;
  readonly kernel: CompiledKernel;
}

interface Work {
  readonly items: Int32Array;
  /** Empty for forward. */
  readonly combines: Int32Array;
  readonly pairs: number;
}

/** Launches under way: what their words point to must not be collected. */
const running = new Set<LaunchBlock>();

/** Work below this is done by the calling thread at once: it takes about as long as handing it to another one and hearing back. */
const BRIEF_FLOPS = 2e6;

function workOf({ target, threads, kernel: { spec } }: LaunchContext, launch: Launch): Work {
  const part = wholeLaunch(launch.shape);
  if (spec.schedule === "decode") {
    return decodeWork(part, launch, launch.shape.Hq / launch.shape.Hkv, splitKeys(spec));
  }
  const tiling = {
    tileQueries: tileQueries(spec, target),
    lanes: queryLanes(spec, target),
    threads,
  };
  return { ...forwardWork(part, launch, tiling), combines: new Int32Array(0) };
}

/** Keys up to here are packed: whole groups of this many. */
const PACK_STEP = 32;

/** Every key that exists, in pieces that threads share well. */
function packRecords({ shape: { B, Hkv }, kvLength }: Launch): Int32Array {
  const records: number[] = [];
  for (let b = 0; b < B; b++) {
    const end = Math.ceil((kvLength[b] ?? 0) / PACK_STEP) * PACK_STEP;
    for (let g = 0; g < Hkv; g++) {
      for (let from = 0; from < end; from += PACK_KEYS) {
        records.push(b, g, from, Math.min(from + PACK_KEYS, end));
      }
    }
  }
  return Int32Array.from(records);
}

/** A tensor's address and its strides over batch, head and row. */
function placeTensor(
  block: LaunchBlock,
  name: "query" | "key" | "value" | "out",
  tensor: Tensor,
): void {
  const [b = 0, h = 0, row = 0] = tensor.strides;
  block.point(name, tensor.data, tensor.offset);
  block.set({ [`${name}B`]: b, [`${name}H`]: h, [`${name}Row`]: row });
}

function placeRecords(
  block: LaunchBlock,
  [count, at]: readonly [LaunchWord, LaunchWord],
  records: Int32Array,
  words: number,
): void {
  if (records.length === 0) return;
  block.set({ [count]: records.length / words });
  block.point(at, records);
}

/** What `launch` says, without its tensors and its work. */
function placeScalars(block: LaunchBlock, launch: Launch): void {
  const { shape, blockMask, sinks } = launch;
  const { Hq, Hkv, M, N } = shape;
  block.set({ Hq, Hkv, M, N });
  block.setScale(launch.scale);
  const rows: readonly (readonly [LaunchWord, Memory | null])[] = [
    ["queryOffset", launch.queryOffset],
    ["kvLength", launch.kvLength],
    ["sinks", sinks],
    ["rowStart", blockMask?.rowStart ?? null],
    ["runs", blockMask?.runs ?? null],
    ["bits", blockMask?.bits ?? null],
  ];
  for (const [name, view] of rows) block.point(name, view);
  if (blockMask === null) return;
  const { B: maskB, H: maskH, rows: maskRows, blockQ, blockKv } = blockMask;
  block.set({ maskB, maskH, maskRows, blockQ, blockKv });
}

/** Where packed keys and values and the results of splits go. */
function placeScratch(
  block: LaunchBlock,
  { kernel: { spec }, target, workspace }: LaunchContext,
  launch: Launch,
  { items, combines }: Work,
  key: { readonly address: bigint; readonly strides: readonly number[] },
): void {
  const { shape } = launch;
  const needs = packNeeds(spec, target, shape, key);
  if (needs.keys > 0) block.set({ packedKeys: workspace.take("keys", needs.keys) });
  if (needs.values > 0) block.set({ packedValues: workspace.take("values", needs.values) });
  if (needs.keys + needs.values > 0) {
    placeRecords(block, ["packCount", "packs"], packRecords(launch), PACK_WORDS);
  }
  if (combines.length === 0) return;
  const rows = (items.length / ITEM_WORDS) * (shape.Hq / shape.Hkv) * shape.M;
  block.set({ partials: workspace.take("partials", rows * partialBytes(spec)) });
}

async function compute(
  { kernel: { library, entry }, threads, background }: LaunchContext,
  block: LaunchBlock,
  { items, pairs }: Work,
  { shape, signal }: Launch,
): Promise<number> {
  const crew = Math.max(1, Math.min(threads, items.length / ITEM_WORDS));
  const isBrief = pairs * flopsPerPair(shape) < BRIEF_FLOPS;
  if (isBrief && !background) return library.runHere(entry, block.address, 1);
  const stop = (): void => block.abort();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    return await library.run(entry, block.address, isBrief ? 1 : crew);
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

/**
 * Runs a launch. Tensors are read and written where they lie while the event loop turns: until the answer, their memory
 * is the launch's.
 *
 * @throws RangeError           something does not lie where the launch says; memory ran out
 * @throws the signal's reason  it was aborted; `launch.out` may have been written in part
 */
export async function runLaunch(context: LaunchContext, launch: Launch): Promise<LaunchResult> {
  const { koffi, kernel, workspace } = context;
  const { spec, captures } = kernel;
  const result = newResult(launch, spec.dtype);
  checkExtents(spec, captures, launch, result);
  const block = new LaunchBlock(koffi, captures.words);
  const out = denseOutput(result.out);
  const key = denseInput(launch.key);
  placeTensor(block, "query", denseInput(launch.query));
  placeTensor(block, "key", key);
  placeTensor(block, "value", denseInput(launch.value));
  placeTensor(block, "out", out.tensor);
  block.point("lse", result.lse?.data ?? null);
  block.point("max", result.max?.data ?? null);
  placeScalars(block, launch);
  block.setCaptures(captures, launch.captures);
  const work = workOf(context, launch);
  placeRecords(block, ["itemCount", "items"], work.items, ITEM_WORDS);
  placeRecords(block, ["combineCount", "combines"], work.combines, COMBINE_WORDS);
  placeScratch(block, context, launch, work, { address: block.get("key"), strides: key.strides });
  running.add(block);
  try {
    launch.signal?.throwIfAborted();
    const status = await compute(context, block, work, launch);
    launch.signal?.throwIfAborted();
    if (status !== 0) refuseStatus(status);
  } finally {
    running.delete(block);
    workspace.trim();
  }
  out.deliver();
  return result;
}

function refuseStatus(status: number): never {
  if (status !== -1) throw internalError(`a native kernel returned ${status}`);
  throw rangeError({
    name: "memory",
    expected: "enough for each thread's tiles",
    got: "none left",
    remedy: "free some, or open the device with fewer threads",
  });
}
