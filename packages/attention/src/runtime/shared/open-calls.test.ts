import { expect, test } from "vitest";
import { OpenCalls } from "./open-calls.ts";

const closed = "device: expected an open device, got a closed one; open another one";

test("closing waits for every call under way, failures included, and refuses new ones at once", async () => {
  const calls = new OpenCalls();
  const log: string[] = [];
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const works = calls.hold(async () => {
    await first.promise;
    calls.check();
    log.push("a call has ended");
    return 7;
  });
  const fails = calls.hold(() => second.promise);
  const closing = calls.close().then(() => log.push("closed"));
  await expect(calls.hold(async () => 1)).rejects.toThrow(closed);
  second.reject(new Error("it failed"));
  await expect(fails).rejects.toThrow("it failed");
  expect(log).toEqual([]);
  first.resolve();
  expect(await works).toBe(7);
  await closing;
  expect(log).toEqual(["a call has ended", "closed"]);
  expect(() => calls.check()).toThrow(closed);
  await calls.close();
});

test("with no call under way, the first step of closing closes", () => {
  const calls = new OpenCalls();
  calls.check();
  void calls.close();
  expect(() => calls.check()).toThrow(closed);
});
