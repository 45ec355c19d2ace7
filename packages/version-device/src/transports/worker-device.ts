/** A device in a thread of its own: its memory is out of reach of this thread's code. */
import type { Worker as NodeWorker } from "node:worker_threads";
import { checkCapacity } from "./checks.ts";
import type { CapacityOptions } from "./checks.ts";
import { DeviceLostError } from "../errors.ts";
import type { VersionDevice } from "../version-device.ts";
import { portDial } from "./port.ts";
import { openRemote } from "./remote-device.ts";

/** What the thread is started with. */
export interface WorkerStart {
  readonly port: MessagePort;
  readonly options: CapacityOptions;
}

/** A thread of Node or of a browser. */
interface Thread {
  start(message: WorkerStart, ports: readonly MessagePort[]): void;
  onEnd(listener: (reason: unknown) => void): void;
  end(): Promise<unknown>;
}

/** A port has two types, Node's and the DOM's, and is one object. */
type NodeTransfer = Parameters<NodeWorker["postMessage"]>[1];

const url = (): URL => new URL("./device-worker.ts", import.meta.url);

async function nodeThread(): Promise<Thread> {
  const { Worker } = await import("node:worker_threads");
  const worker = new Worker(url());
  return {
    start: (message, ports) => worker.postMessage(message, ports as NodeTransfer),
    onEnd(listener) {
      worker.once("error", listener);
      worker.once("exit", (code) => listener(`the worker ended with ${code}`));
    },
    end: () => worker.terminate(),
  };
}

function webThread(): Thread {
  const worker = new Worker(url(), { type: "module" });
  return {
    start: (message, ports) => worker.postMessage(message, [...ports]),
    onEnd(listener) {
      worker.addEventListener("error", (event) => listener(event.message));
    },
    end: async () => worker.terminate(),
  };
}

/**
 * Opens a device in a worker thread: `worker_threads` in Node, a module worker in browsers. `close`
 * ends the thread. A thread that dies takes its versions along, and every call fails with
 * `DeviceLostError`.
 *
 * @throws RangeError       a capacity that no device can have
 * @throws DeviceLostError  the thread does not start
 */
export async function openWorkerDevice(options: CapacityOptions): Promise<VersionDevice> {
  const capacity = checkCapacity(options);
  const thread = typeof Worker === "function" ? webThread() : await nodeThread();
  const { port1: port, port2: theirs } = new MessageChannel();
  const ended = new Promise<never>((_, reject) => {
    thread.onEnd((reason) =>
      reject(new DeviceLostError("the worker of the device ended", { cause: reason })),
    );
  });
  const open = portDial(port);
  const opened = openRemote(
    async (events) => {
      ended.catch((reason: unknown) => events.closed(reason));
      const link = await open(events);
      thread.start({ port: theirs, options: capacity }, [theirs]);
      return link;
    },
    // What a thread has lost does not come back.
    { patienceMs: 0 },
    () => {
      port.close();
      return thread.end();
    },
  );
  return opened.catch(async (error: unknown) => {
    await thread.end();
    throw error;
  });
}
