/** What both ends of a TLS link agree on. */
import type { TLSSocket } from "node:tls";
import type { Identity } from "./identity.ts";
import { fingerprintOf } from "./identity.ts";

/** A link that says nothing for this long while it is set up is closed, in milliseconds. */
export const HANDSHAKE_MS = 10_000;

/** A silent peer is asked whether it is still there, in milliseconds: a dead one ends the link. */
export const KEEP_ALIVE_MS = 10_000;

interface Settings {
  readonly key: string;
  readonly cert: string;
  readonly minVersion: "TLSv1.3";
  readonly maxVersion: "TLSv1.3";
  readonly ALPNProtocols: string[];
  readonly rejectUnauthorized: false;
}

/**
 * TLS 1.3 alone. Certificates are not judged by authorities (`rejectUnauthorized`): the peer's key
 * is compared with the pinned ones after the handshake, which has proved that the peer holds it,
 * and before any frame.
 */
export const settings = ({ credentials }: Identity): Settings => ({
  ...credentials,
  minVersion: "TLSv1.3",
  maxVersion: "TLSv1.3",
  ALPNProtocols: ["vigil-device/1"],
  rejectUnauthorized: false,
});

/** The fingerprint of the peer's key, if it is one of `pinned`; null otherwise. */
export async function pinnedPeer(
  socket: TLSSocket,
  pinned: readonly string[],
): Promise<string | null> {
  const publicKey = socket.getPeerX509Certificate()?.publicKey;
  if (publicKey === undefined) return null;
  const fingerprint = await fingerprintOf(publicKey.export({ type: "spki", format: "der" }));
  return pinned.includes(fingerprint) ? fingerprint : null;
}
