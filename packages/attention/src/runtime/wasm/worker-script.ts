/**
 * The program of a worker thread, and the words through which the launching thread and its workers meet.
 *
 * It is text, not a module: a worker started from text needs no file beside the bundle, so that sources, bundles
 * and packages behave alike. In a page it comes from a `blob:` URL, which a Content-Security-Policy must allow
 * (`worker-src blob:`, beside `script-src 'wasm-unsafe-eval'`).
 */

/** Numbers of the 4-byte words of the meeting place. */
export const WORD = {
  /** Workers that have not finished the current command. */
  pending: 0,
  /** 1 while the launching thread waits for a message rather than in `Atomics.wait`. */
  away: 1,
  /** 1 once a worker could not do what it was told; its reason follows as a message. */
  failed: 2,
  command: 3,
  /** Of the kernel to run: the number it was loaded by. */
  kernel: 4,
  /** The parameter block, and the first worker's scratch with the distance to the next: byte addresses. */
  params: 5,
  scratch: 6,
  scratchBytes: 7,
  /** Worker i sleeps on word `wake + i * WAKE_STRIDE`, which counts its commands. */
  wake: 16,
} as const;

/** One cache line per worker. */
export const WAKE_STRIDE = 16;

export const COMMAND = { run: 0, combine: 1, listen: 2 } as const;

/** What a listening worker is told; each is answered by one step of `pending`. */
export type Order =
  | { readonly kind: "join"; readonly words: Int32Array; readonly index: number }
  | {
      readonly kind: "load";
      readonly id: number;
      readonly module: WebAssembly.Module;
      readonly memory: WebAssembly.Memory;
    }
  | { readonly kind: "forget" };

/** What a worker says: that the last one has finished, or why one could not. */
export type Report =
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly reason: string };

/**
 * A worker sleeps in `serve` until a command comes. `listen` sends it back to its event loop for one order,
 * because messages do not arrive while it sleeps.
 */
export const workerScript: string = `"use strict";
const port =
  typeof process === "object" ? process.getBuiltinModule("node:worker_threads").parentPort : self;
const kernels = new Map();
let words;
let index;
let seen = 0;

const orders = {
  join(order) {
    words = order.words;
    index = order.index;
  },
  load({ id, module, memory }) {
    kernels.set(id, new WebAssembly.Instance(module, { env: { memory }, math: Math }).exports);
  },
  forget() {
    kernels.clear();
  },
};

function attempt(action) {
  try {
    action();
  } catch (error) {
    port.postMessage({ kind: "failed", reason: String(error) });
    Atomics.store(words, ${WORD.failed}, 1);
  }
}

function finish() {
  if (Atomics.sub(words, ${WORD.pending}, 1) > 1) return;
  Atomics.notify(words, ${WORD.pending});
  if (Atomics.load(words, ${WORD.away}) === 1) port.postMessage({ kind: "done" });
}

function execute(command) {
  const exports = kernels.get(words[${WORD.kernel}]);
  const scratch = words[${WORD.scratch}] + index * words[${WORD.scratchBytes}];
  if (command === ${COMMAND.run}) exports.run(words[${WORD.params}], scratch);
  else exports.combine(words[${WORD.params}], scratch);
}

function serve() {
  const wake = ${WORD.wake} + index * ${WAKE_STRIDE};
  for (;;) {
    Atomics.wait(words, wake, seen);
    seen = Atomics.load(words, wake);
    const command = words[${WORD.command}];
    if (command === ${COMMAND.listen}) return;
    attempt(() => execute(command));
    finish();
  }
}

port.onmessage = ({ data: order }) => {
  attempt(() => orders[order.kind](order));
  finish();
  serve();
};
`;
