import { X509Certificate } from "node:crypto";
import { connect as connectTcp, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { TLSSocket } from "node:tls";
import { inspect } from "node:util";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { DeviceLostError } from "../../errors.ts";
import { encodeHello, encodeRequest, stampRequest } from "../../protocol/frames.ts";
import { numbers, openPages, versionsOf } from "../test-device.ts";
import type { ConnectionEvent, DeviceServer } from "./listen.ts";
import { connectDevice } from "./connect.ts";
import { framed, FrameReader } from "./framing.ts";
import { Identity } from "./identity.ts";
import { listenDevice } from "./listen.ts";
import { settings } from "./settings.ts";

const [device, client, second, stranger] = [
  await Identity.create(),
  await Identity.create(),
  await Identity.create(),
  await Identity.create(),
];

const ends: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

/** The coin never falls on reset, and every page starts at 1: versions count updates. */
const neverReset = (words: Uint32Array): void => void words.fill(1);

async function listen(port?: number): Promise<{ server: DeviceServer; events: ConnectionEvent[] }> {
  const events: ConnectionEvent[] = [];
  const server = await listenDevice({
    pages: 8,
    dynamicBytes: 8 * 216,
    random: neverReset,
    identity: device,
    clients: [client.fingerprint, second.fingerprint],
    port,
    onEvent: (event) => events.push(event),
  });
  ends.push(() => server.close());
  return { server, events };
}

const connectTo = (
  { host, port }: { host: string; port: number },
  identity: Identity = client,
  patienceMs = 5000,
): ReturnType<typeof connectDevice> =>
  connectDevice({ host, port, identity, device: device.fingerprint, patienceMs });

const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe("an identity", () => {
  test("is a certificate that signs itself with the key that its fingerprint names", async () => {
    const { cert } = device.credentials;
    const certificate = new X509Certificate(cert);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.subject).toBe("CN=vigil version device");
    expect(Date.parse(certificate.validTo)).toBeGreaterThan(Date.parse("9999-01-01"));
    expect(device.fingerprint).toMatch(/^sha256:[\w-]{43}$/);
    expect((await Identity.fromPem(device.toPem())).fingerprint).toBe(device.fingerprint);
  });

  test("shows its fingerprint and no key", () => {
    const shown = inspect(device, { depth: Infinity, showHidden: true });
    expect(shown).toContain(device.fingerprint);
    expect(shown + JSON.stringify(device)).not.toMatch(/PRIVATE|BEGIN/);
  });

  test.each([
    ["nothing", ""],
    ["a certificate alone", device.credentials.cert],
    ["a key and another's certificate", device.credentials.key + client.credentials.cert],
  ])("cannot be read from %s, and the error quotes nothing", async (_, text) => {
    const error = await rejection(Identity.fromPem(text));
    expect(error).toBeInstanceOf(TypeError);
    expect(inspect(error)).not.toContain("BEGIN");
  });
});

describe("frames on a stream", () => {
  test("come out whole, wherever the stream is cut", () => {
    const frames = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 });
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 30 })), (sent, cuts) => {
        const bytes = Buffer.concat(sent.map(framed));
        const reader = new FrameReader();
        const got: Uint8Array[] = [];
        let at = 0;
        for (const cut of [...cuts, bytes.length + 1]) {
          got.push(...[...reader.push(bytes.subarray(at, at + cut))].map((one) => one.slice()));
          at += cut;
        }
        expect(got).toEqual(sent);
      }),
    );
  });

  test("are refused by their length, before their bytes come", () => {
    const length = Uint8Array.of(0xff, 0xff, 0xff, 0xff);
    expect(() => [...new FrameReader().push(length)]).toThrow(/a frame of 4294967295 bytes/);
  });
});

describe("keys", () => {
  test("a host whose key is not pinned is refused before it is heard", async () => {
    const { server, events } = await listen();
    const error = await rejection(connectTo(server, stranger));
    expect(error).toBeInstanceOf(DeviceLostError);
    expect(events).toEqual([
      { kind: "refused", peer: expect.any(String), reason: "a key that is not pinned" },
    ]);
  });

  test("a host without a key is refused", async () => {
    const { server, events } = await listen();
    const { key: _, cert: __, ...rest } = settings(client);
    const socket = connectTls({ ...rest, host: server.host, port: server.port });
    socket.on("error", () => {});
    await new Promise((resolve) => socket.once("close", resolve));
    expect(events).toMatchObject([{ kind: "refused" }]);
  });

  test("a device with another key than the pinned one is not talked to", async () => {
    const { server, events } = await listen();
    const { host, port } = server;
    const error = await rejection(
      connectDevice({ host, port, identity: client, device: stranger.fingerprint }),
    );
    expect(error).toBeInstanceOf(DeviceLostError);
    expect(String(error)).toMatch(/another key than the pinned one/);
    expect(events.filter(({ kind }) => kind === "refused")).toEqual([]);
  });

  test("TLS 1.2 is refused", async () => {
    const { server } = await listen();
    const socket = connectTls({
      ...settings(client),
      minVersion: "TLSv1.2",
      maxVersion: "TLSv1.2",
      host: server.host,
      port: server.port,
    });
    const error = await new Promise<Error>((resolve) => socket.once("error", resolve));
    expect(error.message).toMatch(/protocol version/);
  });

  test("where nobody listens, the address is named", async () => {
    const { server } = await listen();
    await server.close();
    expect(String(await rejection(connectTo(server)))).toMatch(
      new RegExp(`127.0.0.1:${server.port}: no device answers`),
    );
  });
});

/** A connection with the right key, whose frames a test writes itself. */
async function rawConnection({ host, port }: DeviceServer): Promise<{
  socket: TLSSocket;
  send(frame: Uint8Array): void;
  closed: Promise<void>;
}> {
  const socket = connectTls({
    ...settings(client),
    host,
    port,
    checkServerIdentity: () => undefined,
  });
  socket.on("error", () => {});
  socket.resume();
  const closed = new Promise<void>((resolve) => {
    socket.once("close", () => resolve());
  });
  await new Promise((resolve) => socket.once("secureConnect", resolve));
  ends.push(() => void socket.destroy());
  return { socket, send: (frame) => void socket.write(framed(frame)), closed };
}

const hello = (isNew: boolean, first: number, session = new Uint8Array(16)): Uint8Array =>
  encodeHello({ session, isNew, first });

function update(sequence: number, kept: number): Uint8Array {
  const frame = encodeRequest("update", Uint32Array.of(0), null);
  stampRequest(frame, sequence, kept);
  return frame;
}

/** Frames that no honest host sends; each ends the connection, and counts `updates` of line 0. */
const dishonest: readonly {
  readonly name: string;
  readonly frames: readonly Uint8Array[];
  readonly updates: number;
  readonly reason: RegExp;
}[] = [
  {
    name: "a request that is sent twice",
    frames: [hello(true, 0), update(0, 0), update(0, 0)],
    updates: 1,
    reason: /for the second time/,
  },
  {
    name: "an older request, replayed later",
    frames: [hello(true, 0), update(0, 0), update(1, 0), update(0, 0)],
    updates: 2,
    reason: /for the second time/,
  },
  {
    name: "a request before one that is missing",
    frames: [hello(true, 0), update(1, 0)],
    updates: 0,
    reason: /out of order/,
  },
  {
    name: "a hello for requests that were never seen",
    frames: [hello(true, 7)],
    updates: 0,
    reason: /never seen/,
  },
  {
    name: "more unacknowledged requests than a device keeps replies",
    frames: [hello(true, 0), ...Array.from({ length: 17 }, (_, at) => update(at, 0))],
    updates: 16,
    reason: /too many requests/,
  },
  {
    name: "a request that acknowledges its own reply",
    frames: [hello(true, 0), update(0, 1)],
    updates: 0,
    reason: /its own reply/,
  },
  {
    name: "a request that does not exist",
    frames: [hello(true, 0), update(0, 0).with(0, 99)],
    updates: 0,
    reason: /no request 99/,
  },
  {
    name: "a request that ends too early",
    frames: [hello(true, 0), update(0, 0).subarray(0, 26)],
    updates: 0,
    reason: /request of 26 bytes/,
  },
  {
    name: "another protocol",
    frames: [new Uint8Array(32)],
    updates: 0,
    reason: /another protocol/,
  },
];

describe("the protocol", () => {
  test.each(dishonest)("$name ends the connection", async ({ frames, updates, reason }) => {
    const { server, events } = await listen();
    const honest = await connectTo(server, second);
    ends.push(() => honest.close());
    await openPages(honest, numbers(1));
    const { send, closed } = await rawConnection(server);
    for (const frame of frames) send(frame);
    await closed;
    expect(await versionsOf(honest, Uint32Array.of(0))).toEqual([1 + updates]);
    const ended = events.find(({ kind }) => kind === "ended");
    expect(ended?.reason).toMatch(reason);
  });

  test("a request whose reply was lost is answered again, and not done again", async () => {
    const { server } = await listen();
    const honest = await connectTo(server, second);
    ends.push(() => honest.close());
    await openPages(honest, numbers(1));
    const first = await rawConnection(server);
    for (const frame of [hello(true, 0), update(0, 0), update(1, 0)]) first.send(frame);
    while ((await versionsOf(honest, Uint32Array.of(0)))[0] !== 3);
    first.socket.destroy();
    const next = await rawConnection(server);
    const reader = new FrameReader();
    const replies: Uint8Array[] = [];
    const enough = new Promise<void>((resolve) => {
      next.socket.on("data", (chunk: Buffer) => {
        for (const reply of reader.push(chunk)) replies.push(reply.slice());
        if (replies.length === 4) resolve();
      });
    });
    for (const frame of [hello(false, 0), update(0, 0), update(1, 0), update(2, 0)]) {
      next.send(frame);
    }
    await enough;
    expect(replies.slice(1).map((reply) => new DataView(reply.buffer).getUint32(16, true))).toEqual(
      [2, 3, 4],
    );
  });

  test("a session belongs to the key that opened it", async () => {
    const { server } = await listen();
    const session = new Uint8Array(16).fill(7);
    const own = await rawConnection(server);
    own.send(hello(true, 0, session));
    own.send(update(0, 0));
    const { socket, send } = await rawConnection(server);
    const answered = new Promise<Buffer>((resolve) => socket.once("data", resolve));
    // The same name from the same key is known; the hello of another key finds nothing.
    send(hello(false, 0, session));
    expect((await answered)[9]).toBe(1);
    const foreign = connectTls({
      ...settings(second),
      host: server.host,
      port: server.port,
      checkServerIdentity: () => undefined,
    });
    ends.push(() => void foreign.destroy());
    foreign.on("error", () => {});
    await new Promise((resolve) => foreign.once("secureConnect", resolve));
    const refused = new Promise<Buffer>((resolve) => foreign.once("data", resolve));
    foreign.write(framed(hello(false, 0, session)));
    expect((await refused)[9]).toBe(0);
  });
});

/** Passes bytes on, and cuts each connection after as many as `budget` says. */
async function cuttingProxy(
  target: DeviceServer,
  budget: () => number,
): Promise<{ host: string; port: number; cuts: () => number }> {
  let cuts = 0;
  const sockets = new Set<Socket>();
  const proxy = createServer((near) => {
    const far = connectTcp(target.port, target.host);
    let left = budget();
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on("error", () => {});
      from.on("close", () => to.destroy());
      from.on("data", (chunk: Buffer) => {
        to.write(chunk.subarray(0, Math.max(0, left)));
        left -= chunk.length;
        if (left >= 0 || from.destroyed) return;
        cuts++;
        near.destroy();
        far.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => {
    proxy.listen(0, "127.0.0.1", resolve);
  });
  ends.push(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  const { address, port } = proxy.address() as AddressInfo;
  return { host: address, port, cuts: () => cuts };
}

describe("a connection that breaks", () => {
  test("anywhere, loses no update and repeats none", async () => {
    const { server } = await listen();
    // The first connection lives long enough to be opened; some later ones do not.
    let connections = 0;
    const proxy = await cuttingProxy(server, () =>
      connections++ === 0 ? 20_000 : 1000 + ((connections * 7919) % 9000),
    );
    const remote = await connectTo(proxy, client, 30_000);
    ends.push(() => remote.close());
    await openPages(remote, numbers(8));
    const counts = Array.from({ length: 8 * 64 }, () => 1);
    const calls: Promise<unknown>[] = [];
    for (let call = 0; call < 250; call++) {
      const lines = numbers(16, (call * 37) % (8 * 64 - 16));
      const out = new Uint32Array(16);
      const expected = [...lines].map((line) => (counts[line] = (counts[line] ?? 0) + 1));
      calls.push(
        remote.update(lines, out).then((done) => expect([done, ...out]).toEqual([16, ...expected])),
      );
      if (call % 20 === 0) await Promise.all(calls);
    }
    await Promise.all(calls);
    expect(await versionsOf(remote, numbers(8 * 64))).toEqual(counts);
    expect(proxy.cuts()).toBeGreaterThan(5);
  });

  test("for good, fails every call within its patience", async () => {
    const { server } = await listen();
    const remote = await connectTo(server, client, 50);
    await openPages(remote, numbers(1));
    await server.close();
    const errors = await Promise.all([
      rejection(remote.statistics()),
      rejection(remote.update(Uint32Array.of(0), new Uint32Array(1))),
    ]);
    for (const error of errors) expect(error).toBeInstanceOf(DeviceLostError);
    expect(await rejection(remote.statistics())).toBeInstanceOf(DeviceLostError);
  });

  test("and finds another device in its place, is told so, and goes on with none", async () => {
    const { server } = await listen();
    const remote = await connectTo(server);
    await openPages(remote, numbers(1));
    await server.close();
    await listen(server.port);
    const error = await rejection(remote.update(Uint32Array.of(0), new Uint32Array(1)));
    expect(error).toBeInstanceOf(DeviceLostError);
    expect(String(error)).toMatch(/forgotten/);
  });
});

test("two hosts use one device side by side", async () => {
  const { server } = await listen();
  const [a, b] = [await connectTo(server, client), await connectTo(server, second)];
  ends.push(
    () => a.close(),
    () => b.close(),
  );
  await Promise.all([openPages(a, numbers(4)), openPages(b, numbers(4, 4))]);
  const work = async (remote: typeof a, from: number): Promise<void> => {
    for (let round = 0; round < 20; round++) {
      await remote.update(numbers(256, from), new Uint32Array(256));
    }
  };
  await Promise.all([work(a, 0), work(b, 256), work(a, 0)]);
  expect(await versionsOf(b, numbers(256))).toEqual(Array.from({ length: 256 }, () => 41));
  expect(await versionsOf(a, numbers(256, 256))).toEqual(Array.from({ length: 256 }, () => 21));
  expect((await a.statistics()).pages).toEqual({ empty: 0, flat: 8, uneven: 0, full: 0 });
});

test("closing the server ends its connections and frees its port", async () => {
  const { server, events } = await listen();
  const remote = await connectTo(server, client, 0);
  ends.push(() => remote.close());
  await server.close();
  expect(events.map(({ kind }) => kind)).toEqual(["opened", "ended"]);
  const { server: next } = await listen(server.port);
  expect(next.port).toBe(server.port);
});
