/** The protocol over a `MessagePort`: a device in a worker, of Node or of a browser. */
import { DeviceLostError } from "../errors.ts";
import type { Dial } from "./client.ts";
import type { SessionHost } from "../protocol/session.ts";

/** What both ends need of a port. */
export interface Port {
  postMessage(message: unknown): void;
  close(): void;
  onmessage: ((event: MessageEvent) => void) | null;
}

/** Serves a device on a port. Whoever holds the other end is trusted: a port has no strangers. */
export function serveOnPort(host: SessionHost, port: Port): void {
  const connection = host.connect("port");
  // A listener that is added instead would have to start the port as well.
  // oxlint-disable-next-line unicorn/prefer-add-event-listener
  port.onmessage = ({ data }: MessageEvent<unknown>) => {
    try {
      if (!(data instanceof Uint8Array)) throw new TypeError("a message that is no frame");
      port.postMessage(connection.receive(data));
    } catch {
      connection.close();
      port.close();
    }
  };
}

/** Opens a port once: what a port has lost does not come back. */
export function portDial(port: Port): Dial {
  let isUsed = false;
  return async (events) => {
    if (isUsed) throw new DeviceLostError("a port cannot be opened again");
    isUsed = true;
    // oxlint-disable-next-line unicorn/prefer-add-event-listener
    port.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (data instanceof Uint8Array) events.frame(data);
    };
    return { send: (frame) => port.postMessage(frame), close: () => port.close() };
  };
}
