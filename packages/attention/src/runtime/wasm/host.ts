/**
 * What the engine around us offers: threads, shared memory, waiting. Everything that differs between Node and a
 * browser is in this file.
 */

/** A thread that runs a script given as text. */
export interface HostWorker {
  post(message: unknown): void;
  /** Whether this worker keeps a Node process alive. */
  hold(held: boolean): void;
  terminate(): Promise<void>;
}

export interface WorkerEvents {
  onMessage(message: unknown): void;
  /** The worker failed or ended without being asked to. */
  onDeath(reason: string): void;
}

export interface Host {
  /** Threads that the machine runs at once. */
  readonly parallelism: number;
  /** Why memory cannot be shared between threads here, or null where it can. */
  readonly noSharing: string | null;
  /** Whether the calling thread may sleep in `Atomics.wait`; a page's main thread may not. */
  readonly mayBlock: boolean;
  spawn(script: string, events: WorkerEvents): HostWorker;
  /** Sets a flag of V8 for the whole process; null where that cannot be done. */
  readonly setEngineFlag: ((flag: string) => void) | null;
  /** Lets timers, messages and input events have their turn. */
  breathe(): Promise<void>;
}

/**
 * Node's process, or null elsewhere. Its modules come from `getBuiltinModule` rather than `import()`: bundlers for
 * browsers stop at the `node:` scheme even where it is never reached.
 */
const nodeProcess: NodeJS.Process | null =
  typeof process === "object" && process.versions?.node !== undefined ? process : null;

function mayBlockHere(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0);
    return true;
  } catch {
    return false;
  }
}

function nodeHost(node: NodeJS.Process): Host {
  const { availableParallelism } = node.getBuiltinModule("node:os");
  const { setFlagsFromString } = node.getBuiltinModule("node:v8");
  const { Worker } = node.getBuiltinModule("node:worker_threads");
  return {
    parallelism: availableParallelism(),
    noSharing: null,
    mayBlock: true,
    setEngineFlag: setFlagsFromString,
    breathe: () => new Promise((resolve) => setImmediate(resolve)),
    spawn(script, events) {
      // No preloads, loaders or flags of the process: the script needs none, and they cost start-up time.
      const worker = new Worker(script, { eval: true, execArgv: [], env: {} });
      let asked = false;
      worker.on("message", (message) => events.onMessage(message));
      worker.on("error", (error) => events.onDeath(String(error)));
      worker.on("exit", (code) => {
        if (!asked) events.onDeath(`it exited with code ${code}`);
      });
      return {
        post: (message) => worker.postMessage(message),
        hold: (held) => (held ? worker.ref() : worker.unref()),
        async terminate() {
          asked = true;
          await worker.terminate();
        },
      };
    },
  };
}

/** A message to ourselves comes after what already waits; timers would be held back by up to 4 ms. */
function breatheInPage(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.addEventListener("message", () => {
      port1.close();
      resolve();
    });
    port1.start();
    port2.postMessage(null);
  });
}

function webHost(): Host {
  const isolated = globalThis.crossOriginIsolated && typeof SharedArrayBuffer === "function";
  const noSharing =
    "this page is not cross-origin isolated, so it has no SharedArrayBuffer; " +
    "serve it with Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp";
  return {
    parallelism: globalThis.navigator?.hardwareConcurrency ?? 1,
    noSharing: isolated ? null : noSharing,
    mayBlock: isolated && mayBlockHere(),
    setEngineFlag: null,
    breathe: breatheInPage,
    spawn(script, events) {
      const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
      const worker = new Worker(url);
      worker.addEventListener("message", ({ data }) => {
        URL.revokeObjectURL(url);
        events.onMessage(data);
      });
      worker.addEventListener("error", ({ message }) => {
        const hint = "a Content-Security-Policy must allow worker-src blob:";
        events.onDeath(message || `its script could not start; ${hint}`);
      });
      return {
        post: (message) => worker.postMessage(message),
        hold: () => undefined,
        terminate: () => Promise.resolve(worker.terminate()),
      };
    },
  };
}

/** The host of this thread. */
export const findHost = (): Host => (nodeProcess === null ? webHost() : nodeHost(nodeProcess));
