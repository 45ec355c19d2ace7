/**
 * What runs in the thread of `openWorkerDevice`: a device on the port that comes with the first
 * message.
 */
import { SessionHost } from "../protocol/session.ts";
import { newTripDevice } from "./local-device.ts";
import { serveOnPort } from "./port.ts";
import type { WorkerStart } from "./worker-device.ts";

const start = ({ port, options }: WorkerStart): void =>
  serveOnPort(new SessionHost(newTripDevice(options)), port);

/** A browser's worker has to listen before it first gives up control. */
const isNode = typeof process === "object" && typeof process.versions?.node === "string";

if (isNode) {
  const { parentPort } = await import("node:worker_threads");
  parentPort?.once("message", start);
} else {
  globalThis.addEventListener("message", ({ data }: MessageEvent<WorkerStart>) => start(data), {
    once: true,
  });
}
