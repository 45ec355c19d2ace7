/** What a Node process sees of the threads and of the compiler: it ends when its own work is done. */
import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { promisify } from "node:util";
import { beforeEach, expect, test } from "vitest";
import { testFolder } from "./test-library.ts";
import { noNative } from "./test-native.ts";

const absent = await noNative();
beforeEach(({ skip }) => skip(absent !== false, String(absent)));

const run = promisify(execFile);

const url = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);

/** A script that has computed with two threads, and ends as `ending` says. */
const script = (ending: string, options = "{ threads: 2 }"): string => `
  const { openNative } = await import(${url("./open.ts")});
  const { testLaunch, runOn } = await import(${url("../wasm/test-launches.ts")});
  const device = await openNative(${options});
  const { out } = await runOn(device, testLaunch({ M: 500, N: 500, D: 64, Dv: 64, Hkv: 2, Hq: 4 }));
  console.log(out.size);
  ${ending}
`;

const inProcess = (text: string, env = {}): Promise<{ stdout: string; stderr: string }> =>
  run(process.execPath, ["--input-type=module", "--eval", text], {
    timeout: 50_000,
    env: { ...process.env, ...env },
  });

test("a device that was not closed does not keep a process alive", async () => {
  await expect(inProcess(script(""))).resolves.toMatchObject({ stdout: "128000\n" });
  const closing = script("await device.close()");
  await expect(inProcess(closing)).resolves.toMatchObject({ stdout: "128000\n" });
});

test("a launch under way does keep it alive", async () => {
  const again = `
    const big = testLaunch({ M: 1500, N: 1500, D: 64, Dv: 64, Hkv: 4, Hq: 8 });
    runOn(device, big).then(({ out }) => console.log(out.size));`;
  await expect(inProcess(script(again))).resolves.toMatchObject({
    stdout: `128000\n${1500 * 64 * 8}\n`,
  });
});

test("a process may end while its threads compute", async () => {
  const again = `
    const big = testLaunch({ M: 5000, N: 5000, D: 64, Dv: 64, Hkv: 4, Hq: 8 });
    void runOn(device, big);
    setTimeout(() => process.exit(0), 50);`;
  await expect(inProcess(script(again))).resolves.toMatchObject({ stdout: "128000\n" });
});

test("a process that ends while it compiles leaves no files behind", async () => {
  const TMPDIR = await testFolder();
  const again = `
    device.kernel(testLaunch({ D: 40 }).spec).catch(() => undefined);
    setTimeout(() => process.exit(0), 60);`;
  const options = "{ cacheFolder: null }";
  await expect(inProcess(script(again, options), { TMPDIR })).resolves.toMatchObject({
    stdout: "128000\n",
  });
  expect(await readdir(TMPDIR)).toEqual([]);
});

test("a program without koffi is told what to install", async () => {
  const missing = `
    import { registerHooks } from "node:module";
    registerHooks({
      resolve(name, context, next) {
        if (name !== "koffi") return next(name, context);
        throw Object.assign(new Error("Cannot find package 'koffi'"), { code: "ERR_MODULE_NOT_FOUND" });
      },
    });
    const { openDevice, chooseDevice } = await import(${url("../../index.ts")});
    await openDevice("native").catch((error) => console.log(error.message));
    const { device, considered } = await chooseDevice();
    console.log(device.target, considered.map(({ target }) => target).join());`;
  const { stdout } = await inProcess(missing, { VIGIL_DEVICE: "" });
  const [message, chosen] = stdout.trim().split("\n");
  expect(message).toBe(
    "native: koffi, which calls compiled code, is not installed; run npm install koffi, or open the device wasm",
  );
  expect(chosen).toMatch(/^wasm .*native,wasm$/);
});
