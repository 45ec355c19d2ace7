/** Serves a device over TLS 1.3 to hosts whose keys are pinned. */
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { SessionHost } from "../../protocol/session.ts";
import type { DeviceOptions } from "../local-device.ts";
import { newTripDevice } from "../local-device.ts";
import { framed, FrameReader } from "./framing.ts";
import type { Identity } from "./identity.ts";
import { HANDSHAKE_MS, KEEP_ALIVE_MS, pinnedPeer, settings } from "./settings.ts";

export interface ListenOptions extends DeviceOptions {
  /** The device's own key. */
  readonly identity: Identity;
  /** Fingerprints of the hosts that may use it. */
  readonly clients: readonly string[];
  /** By default 127.0.0.1. */
  readonly host?: string | undefined;
  /** By default one that is free. */
  readonly port?: number | undefined;
  /**
   * Told of every connection that was opened, refused or ended: with whom, and why; never with a
   * version.
   */
  readonly onEvent?: ((event: ConnectionEvent) => void) | undefined;
}

export interface ConnectionEvent {
  readonly kind: "opened" | "refused" | "ended";
  /** Address and port of the host. */
  readonly peer: string;
  /** Of a broken protocol or connection. */
  readonly reason?: string;
}

export interface DeviceServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Ends all connections, and wipes the device. */
  close(): Promise<void>;
}

/**
 * Opens a device and serves it until `close`. Its versions live and die with it: what hosts have
 * sealed cannot be read after that.
 *
 * @throws RangeError  a capacity that no device can have
 * @throws Error       an address that cannot be listened on
 */
export async function listenDevice(options: ListenOptions): Promise<DeviceServer> {
  const { createServer } = await import("node:tls");
  const { constants } = await import("node:crypto");
  const device = newTripDevice(options);
  const host = new SessionHost(device);
  const sockets = new Set<TLSSocket>();
  const server = createServer({
    ...settings(options.identity),
    requestCert: true,
    handshakeTimeout: HANDSHAKE_MS,
    // A resumed session would not prove the host's key again.
    secureOptions: constants.SSL_OP_NO_TICKET,
  });
  server.on("secureConnection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    void serve(socket, host, options);
  });
  server.on("tlsClientError", ({ message: reason }, { remoteAddress, remotePort }) => {
    options.onEvent?.({ kind: "refused", peer: `${remoteAddress}:${remotePort}`, reason });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, options.host ?? "127.0.0.1", resolve);
  });
  const { address, port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    const ended = [...sockets].map(
      (socket) =>
        new Promise<void>((resolve) => {
          socket.once("close", () => resolve()).destroy();
        }),
    );
    await Promise.all([closed, ...ended]);
    device.wipe();
  };
  return { host: address, port, close, [Symbol.asyncDispose]: close };
}

async function serve(socket: TLSSocket, host: SessionHost, options: ListenOptions): Promise<void> {
  const peer = `${socket.remoteAddress}:${socket.remotePort}`;
  let reason: string | undefined;
  // An error is always followed by a close.
  socket.on("error", (error) => (reason ??= error.message));
  const client = await pinnedPeer(socket, options.clients);
  if (client === null) {
    options.onEvent?.({ kind: "refused", peer, reason: "a key that is not pinned" });
    socket.destroy();
    return;
  }
  options.onEvent?.({ kind: "opened", peer });
  const connection = host.connect(client);
  const reader = new FrameReader();
  socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS);
  socket.once("close", () => {
    connection.close();
    options.onEvent?.({ kind: "ended", peer, ...(reason === undefined ? {} : { reason }) });
  });
  socket.on("data", (chunk: Buffer) => {
    try {
      for (const frame of reader.push(chunk)) socket.write(framed(connection.receive(frame)));
    } catch (error) {
      reason ??= error instanceof Error ? error.message : String(error);
      socket.destroy();
    }
  });
}
