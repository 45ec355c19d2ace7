/** Uses a device over TLS 1.3: its key is pinned, and it knows ours. */
import type { TLSSocket } from "node:tls";
import { DeviceLostError } from "../../errors.ts";
import type { Link, LinkEvents } from "../client.ts";
import type { VersionDevice } from "../../version-device.ts";
import { openRemote } from "../remote-device.ts";
import { framed, FrameReader } from "./framing.ts";
import type { Identity } from "./identity.ts";
import { HANDSHAKE_MS, KEEP_ALIVE_MS, pinnedPeer, settings } from "./settings.ts";

export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  /** Our own key, whose fingerprint the device knows. */
  readonly identity: Identity;
  /** The fingerprint of the device's key. */
  readonly device: string;
  /**
   * How long a broken connection may take to come back before every call fails, in milliseconds; by
   * default 30,000.
   */
  readonly patienceMs?: number | undefined;
}

/**
 * Connects to a device that `listenDevice` or `vigil device --listen` serves. Where the connection
 * breaks it is opened again, and replies that were lost are asked for again: no update is lost, and
 * none is made twice.
 *
 * @throws DeviceLostError  no device there, another key than the pinned one, or it does not know
 *   ours
 */
export function connectDevice(options: ConnectOptions): Promise<VersionDevice> {
  const { patienceMs = 30_000 } = options;
  return openRemote(
    (events) => dial(options, events),
    { patienceMs },
    async () => {},
  );
}

async function dial(options: ConnectOptions, events: LinkEvents): Promise<Link> {
  const socket = await handshake(options);
  // Its end may have come while its key was compared; then no event will tell.
  if (socket.destroyed) throw new DeviceLostError(`${options.host}: the connection ended at once`);
  const reader = new FrameReader();
  socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS);
  let reason: unknown;
  socket.on("error", (error) => (reason ??= error));
  socket.once("close", () => events.closed(reason));
  socket.on("data", (chunk: Buffer) => {
    try {
      for (const frame of reader.push(chunk)) events.frame(frame);
    } catch (error) {
      reason ??= error;
      socket.destroy();
    }
  });
  return {
    send: (frame) => void socket.write(framed(frame)),
    close: () => void socket.destroy(),
  };
}

/** Ends with a socket to a device that has proved to hold the pinned key. */
async function handshake({ host, port, identity, device }: ConnectOptions): Promise<TLSSocket> {
  const { connect } = await import("node:tls");
  const where = `${host}:${port}`;
  const socket = connect({
    ...settings(identity),
    host,
    port,
    timeout: HANDSHAKE_MS,
    checkServerIdentity: () => undefined,
  });
  await new Promise<void>((resolve, reject) => {
    const fail = (cause?: unknown): void => {
      socket.destroy();
      reject(new DeviceLostError(`${where}: no device answers there`, { cause }));
    };
    socket.once("secureConnect", resolve);
    socket.once("error", fail);
    socket.once("close", fail);
    socket.once("timeout", fail);
  });
  socket.removeAllListeners("error").removeAllListeners("close").removeAllListeners("timeout");
  socket.setTimeout(0);
  // Between the handshake and the first listener of the link, an error must not end the process.
  socket.on("error", () => {});
  if ((await pinnedPeer(socket, [device])) !== null) return socket;
  socket.destroy();
  throw new DeviceLostError(`${where}: the device there has another key than the pinned one`);
}
