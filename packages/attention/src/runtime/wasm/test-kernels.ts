/** Hand-written stand-ins for kernels, for tests of what runs them. */
import wabt from "wabt";
import type { KernelExports } from "../../emit/wasm/abi.ts";
import { PARAM } from "../../emit/wasm/abi.ts";
import type { Arena } from "./arena.ts";
import type { Job } from "./crew.ts";
import { findHost, type Host } from "./host.ts";
import { LoadedModule } from "./module.ts";
import { WORD } from "./worker-script.ts";

export type TestBody = "sum" | "slow" | "trap";

/** What happens to the item whose record lies at `$record`; its word 0 is a number, word 1 a count. */
const bodies: Readonly<Record<TestBody, string>> = {
  /** Adds the number to the word at `outAt` that the ticket selects. */
  sum: `(drop (i32.atomic.rmw.add
    (i32.add (i32.load offset=${PARAM.outAt * 4} (local.get $params)) (i32.shl (local.get $ticket) (i32.const 2)))
    (i32.load (local.get $record))))`,
  /** The same after `count` rounds of an empty loop. */
  slow: `(local.set $left (i32.load offset=4 (local.get $record)))
    (loop $spin
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $spin (i32.gt_s (local.get $left) (i32.const 0))))
    (drop (i32.atomic.rmw.add
      (i32.add (i32.load offset=${PARAM.outAt * 4} (local.get $params)) (i32.shl (local.get $ticket) (i32.const 2)))
      (i32.load (local.get $record))))`,
  /** Traps where the number is 13. */
  trap: `(if (i32.eq (i32.load (local.get $record)) (i32.const 13)) (then unreachable))`,
};

/** Each thread marks its scratch, so that a test can tell who took part. */
const text = (body: string, shared: boolean): string => `(module
  (import "env" "memory" (memory 1 65536 ${shared ? "shared" : ""}))
  (func (export "run") (param $params i32) (param $scratch i32)
    (local $ticket i32) (local $record i32) (local $left i32)
    (loop $items
      (local.set $ticket (i32.atomic.rmw.add (local.get $params) (i32.const 1)))
      (if (i32.lt_u (local.get $ticket) (i32.load offset=${PARAM.itemCount * 4} (local.get $params)))
        (then
          (i32.store (local.get $scratch) (i32.const 1))
          (local.set $record (i32.add
            (i32.load offset=${PARAM.itemsAt * 4} (local.get $params))
            (i32.shl (local.get $ticket) (i32.const 4))))
          ${body}
          (br $items))))))`;

/** Compiles a stand-in. */
export async function testKernel(
  body: TestBody,
  shared: boolean,
): Promise<LoadedModule<KernelExports>> {
  const tools = await wabt();
  const { buffer } = tools
    .parseWat(body, text(bodies[body], shared), { threads: true })
    .toBinary({});
  return LoadedModule.compile<KernelExports>(Uint8Array.from(buffer));
}

/** One item per number. */
export interface TestJob {
  readonly job: Job;
  /** What was added up, per item. */
  readonly sums: () => number[];
  /** Which threads took an item: the caller first. */
  readonly tookPart: () => boolean[];
}

const SCRATCH_BYTES = 64;
let ids = 0;

export function testJob(
  arena: Arena,
  module: LoadedModule<KernelExports>,
  items: readonly (readonly [number: number, count: number])[],
  {
    lanes,
    flops = Infinity,
    signal = null,
    id = ++ids,
  }: Pick<Partial<Job>, "flops" | "signal" | "id"> & { lanes: number },
): TestJob {
  const words = 32;
  const [shared, own] = [arena.allocate(words * 4), arena.allocate(words * 4)];
  const itemsAt = arena.allocate(items.length * 16);
  const outAt = arena.allocate(items.length * 4);
  const scratch = arena.allocate(lanes * SCRATCH_BYTES);
  const { i32, u8 } = arena.views;
  u8.fill(0, shared, scratch + lanes * SCRATCH_BYTES);
  items.forEach(([number, count], at) => i32.set([number, count], itemsAt / 4 + at * 4));
  for (const block of [shared, own]) {
    i32[block / 4 + PARAM.itemCount] = items.length;
    i32[block / 4 + PARAM.itemsAt] = itemsAt;
    i32[block / 4 + PARAM.outAt] = outAt;
  }
  const places = { shared, own, scratch, scratchBytes: SCRATCH_BYTES };
  return {
    job: { phase: "run", id, module, ...places, count: items.length, flops, signal },
    sums: () => [...arena.views.i32.subarray(outAt / 4, outAt / 4 + items.length)],
    tookPart: () =>
      Array.from(
        { length: lanes },
        (_, lane) => arena.views.i32[(scratch + lane * SCRATCH_BYTES) / 4] === 1,
      ),
  };
}

/** Greets the pool like a worker, then ends instead of serving. */
const deserter = `const { parentPort } = require("node:worker_threads");
  let words;
  parentPort.on("message", (order) => {
    if (order.kind !== "join") process.exit(7);
    words = order.words;
    Atomics.sub(words, ${WORD.pending}, 1);
    if (Atomics.load(words, ${WORD.away}) === 1) parentPort.postMessage({ kind: "done" });
  });`;

/** The first worker that this host spawns deserts; later ones are what they are asked to be. */
export function hostOfDeserters(): Host {
  const host = findHost();
  const scripts = [deserter];
  const spawn: Host["spawn"] = (script, events) => host.spawn(scripts.pop() ?? script, events);
  return { ...host, spawn };
}
