import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DeviceLostError } from "../errors.ts";
import { Client } from "../transports/client.ts";
import type { Dial } from "../transports/client.ts";
import { TripDevice } from "../trip-device.ts";
import { encodeHello, encodeRequest, stampRequest } from "./frames.ts";
import { SessionHost } from "./session.ts";
import type { Connection } from "./session.ts";

/** Pages start at 1, and the coin never falls on reset: versions count updates. */
function countingHost(): SessionHost {
  const random = (words: Uint32Array): void => void words.fill(1);
  const capacity = { pages: 2, dynamicBytes: 2 * 216, pendingResets: 2 };
  const device = new TripDevice({ capacity, random });
  device.reset(Uint32Array.of(0, 1), new Uint32Array(2));
  device.commit(Uint32Array.of(0, 1));
  return new SessionHost(device);
}

/** One step of the event loop: frames arrive later than they were sent. */
const later = (act: () => void): void => void setImmediate(act);

/**
 * A link that breaks after some frames, counted over both directions: the last frame arrives or
 * not, and what is under way is lost.
 */
function breakingDial(
  host: SessionHost,
  lives: readonly number[],
): { dial: Dial; breaks: () => number } {
  let links = 0;
  let breaks = 0;
  const dial: Dial = async (events) => {
    // A hello and its answer have to pass once in a while.
    let left = lives[links++ % lives.length] ?? 0;
    const connection: Connection = host.connect("tester");
    let isOpen = true;
    const end = (): void => {
      if (!isOpen) return;
      isOpen = false;
      // A host may hear of the end later than the next link is opened.
      later(() => connection.close());
      later(() => events.closed());
    };
    const pass = (act: () => void): void =>
      later(() => {
        if (!isOpen) return;
        if (left-- > 0) act();
        else {
          breaks++;
          end();
        }
      });
    const send = (frame: Uint8Array): void => {
      const sent = frame.slice();
      pass(() => {
        const reply = connection.receive(sent).slice();
        pass(() => events.frame(reply));
      });
    };
    return { send, close: end };
  };
  return { dial, breaks: () => breaks };
}

describe("updates over links that break", () => {
  test("take effect once each and in order, wherever the breaks are", async () => {
    let breaks = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 127 }), { minLength: 1, maxLength: 40 }),
        // At least one link lives long enough for the hello and a request.
        fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 2 }),
        fc.integer({ min: 4, max: 20 }),
        async (lines, lives, life) => {
          const host = countingHost();
          const link = breakingDial(host, [life, ...lives]);
          const { client } = await Client.open(link.dial, { patienceMs: 60_000 });
          const counts = new Map<number, number>();
          const answers = lines.map(async (line) => {
            const count = (counts.get(line) ?? 1) + 1;
            counts.set(line, count);
            const { values } = await client.request("update", Uint32Array.of(line));
            expect([...values]).toEqual([count]);
          });
          await Promise.all(answers);
          client.close();
          breaks += link.breaks();
          for (const [line, count] of counts) {
            const version = new Uint32Array(1);
            host.device.read(Uint32Array.of(line), version);
            expect(version[0]).toBe(count);
          }
        },
      ),
      { numRuns: 150, seed: 4 },
    );
    expect(breaks).toBeGreaterThan(150);
  });

  test("an older connection that nobody has ended cannot speak for its session any more", () => {
    const host = countingHost();
    const [first, second] = [host.connect("tester"), host.connect("tester")];
    const session = new Uint8Array(16);
    const request = encodeRequest("update", Uint32Array.of(0), null);
    first.receive(encodeHello({ session, isNew: true, first: 0 }));
    second.receive(encodeHello({ session, isNew: false, first: 0 }));
    stampRequest(request, 0, 0);
    expect(() => first.receive(request)).toThrow(/goes on elsewhere/);
    second.receive(request);
    const version = new Uint32Array(1);
    host.device.read(Uint32Array.of(0), version);
    expect(version[0]).toBe(2);
  });

  test("a client opens as many sessions as it likes, but only sixteen at a time", async () => {
    const host = countingHost();
    const open = async (): Promise<Client> =>
      (await Client.open(breakingDial(host, [100]).dial, { patienceMs: 0 })).client;
    const clients = await Promise.all(Array.from({ length: 16 }, open));
    await expect(open()).rejects.toBeInstanceOf(DeviceLostError);
    for (const client of clients) client.close();
    await new Promise((resolve) => setTimeout(resolve, 10));
    await expect(open()).resolves.toBeInstanceOf(Client);
  });
});
