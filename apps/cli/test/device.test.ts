import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectDevice, Identity } from "@vigil/version-device";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "./capture.ts";

const main = join(import.meta.dirname, "..", "src", "main.ts");

let folder = "";
const children: ChildProcess[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vigil-device-"));
});
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

const keyFile = async (name: string): Promise<{ file: string; fingerprint: string }> => {
  const file = join(folder, name);
  const { code, json } = await run("device", "--create-key", file, "--json");
  expect(code).toBe(0);
  return json() as { file: string; fingerprint: string };
};

/** `vigil device --listen` in a process of its own, ready. */
async function listening(
  ...argv: readonly string[]
): Promise<{ child: ChildProcess; port: number; out: () => string; err: () => string }> {
  const child = spawn(process.execPath, [main, "device", "--listen", "127.0.0.1:0", ...argv]);
  children.push(child);
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  const port = await new Promise<number>((resolve, reject) => {
    child.once("exit", () => reject(new Error(err)));
    child.stderr.on("data", (chunk: Buffer) => {
      err += chunk.toString();
      const found = /listening on 127\.0\.0\.1:(\d+)/.exec(err);
      if (found !== null) resolve(Number(found[1]));
    });
  });
  return { child, port, out: () => out, err: () => err };
}

test("--create-key writes a key that only its owner reads, and never over another", async ({
  skip,
}) => {
  skip(process.platform === "win32", "posix: this test looks at a file's mode");
  const { file, fingerprint } = await keyFile("one.pem");
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await Identity.fromPem(await readFile(file, "utf8"))).fingerprint).toBe(fingerprint);
  const again = await run("device", "--create-key", file);
  expect([again.code, again.err]).toEqual([2, expect.stringMatching(/expected a new file/)]);
});

test("serves a host whose key is known, tells of strangers, and ends cleanly on Ctrl-C", async ({
  skip,
}) => {
  skip(process.platform === "win32", "posix: this test sends SIGINT");
  const [device, host, stranger] = [
    await keyFile("device.pem"),
    await keyFile("host.pem"),
    await keyFile("stranger.pem"),
  ];
  const { child, port, out, err } = await listening(
    ...["--key", device.file, "--clients", host.fingerprint, "--pages", "16", "--json"],
  );
  const identity = await Identity.fromPem(await readFile(host.file, "utf8"));
  {
    await using remote = await connectDevice({
      ...{ host: "127.0.0.1", port, identity, device: device.fingerprint },
    });
    await remote.reset(Uint32Array.of(3), new Uint32Array(1));
    await remote.commit(Uint32Array.of(3));
    await remote.update(Uint32Array.of(3 * 64, 3 * 64), new Uint32Array(2));
  }
  const address = `127.0.0.1:${port}`;
  const statistics = ["device", "--statistics", address, "--device", device.fingerprint];
  expect((await run(...statistics, "--key", host.file, "--json")).json()).toMatchObject({
    capacity: { pages: 16, dynamicBytes: 240 },
    pages: { empty: 15, flat: 0, uneven: 1, full: 0 },
    bytes: { entries: 192, uneven: 56, full: 0, dynamicFree: 184 },
  });
  expect((await run(...statistics, "--key", host.file)).out).toMatch(/uneven +1 +56 B/);
  const refused = await run(...statistics, "--key", stranger.file);
  expect([refused.code, refused.err]).toEqual([
    2,
    expect.stringMatching(/a device that knows our/),
  ]);
  child.kill("SIGINT");
  const [code] = await once(child, "exit");
  expect(code).toBe(0);
  expect(JSON.parse(out())).toMatchObject({ port, pages: 16, opened: 3, refused: 1 });
  expect(err()).toMatch(/refused 127\.0\.0\.1:\d+: a key that is not pinned/);
  expect(out() + err()).not.toMatch(/PRIVATE KEY/);
});

describe("the caller's mistakes", () => {
  const someone = `sha256:${"a".repeat(43)}`;
  test.each([
    [["device"], /expected one of --create-key, --listen and --statistics, got none/],
    [["device", "--listen", "x:1", "--statistics", "y:1"], /got --listen and --statistics/],
    [["device", "--listen", "localhost"], /--listen: expected an address and a port/],
    [["device", "--listen", "127.0.0.1:0"], /--key: expected a value, got none; make one/],
    [["device", "--listen", "127.0.0.1:0", "--key", "/absent"], /--key: expected a file/],
    [["device", "--listen", "127.0.0.1:0", "--pages", "0"], /--pages: expected an integer/],
  ])("%j", async (argv, message) => {
    const { code, err } = await run(...argv);
    expect([code, err]).toEqual([2, expect.stringMatching(message)]);
    expect(err).not.toMatch(/internal|\n {4}at /);
  });

  test("a key file without a key, and fingerprints that are none", async () => {
    const { file } = await keyFile("mistakes.pem");
    const base = ["device", "--listen", "127.0.0.1:0", "--key"];
    expect((await run(...base, main, "--clients", someone)).err).toMatch(/identity: expected/);
    expect((await run(...base, file)).err).toMatch(/--clients: expected a value/);
    expect((await run(...base, file, "--clients", "me")).err).toMatch(/--clients: expected finger/);
    const taken = await run(
      "device",
      "--listen",
      "192.0.2.1:1",
      "--key",
      file,
      "--clients",
      someone,
    );
    expect([taken.code, taken.err]).toEqual([2, expect.stringMatching(/can be listened on/)]);
  });
});

test("bench versions counts what it updates, and says what a page takes", async () => {
  const only = ["--only", "sequential in process", "--rounds", "1"];
  const { code, json } = await run("bench", "versions", ...only, "--json");
  expect(code).toBe(0);
  expect(json()).toMatchObject({
    lineBytes: 64,
    lines: 2 ** 24,
    rows: [
      {
        pattern: "sequential",
        transport: "in process",
        updatesPerS: expect.any(Number),
        bytesPerPage: 12,
      },
    ],
  });
});
