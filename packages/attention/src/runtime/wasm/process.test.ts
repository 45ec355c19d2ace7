/** What a Node process sees of the threads: it ends when its own work is done. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const run = promisify(execFile);

const url = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);

/** A script that computes with two threads, and ends as `ending` says. */
const script = (ending: string): string => `
  const { openWasm } = await import(${url("./open.ts")});
  const { testLaunch, runOn } = await import(${url("./test-launches.ts")});
  const device = await openWasm({ threads: 2 });
  const { out } = await runOn(device, testLaunch({ M: 500, N: 500, D: 64, Dv: 64, Hkv: 2, Hq: 4 }));
  console.log(out.size);
  ${ending}
`;

const inProcess = (ending: string): Promise<{ stdout: string; stderr: string }> =>
  run(process.execPath, ["--input-type=module", "--eval", script(ending)], { timeout: 30_000 });

test("idle threads do not keep a process alive", async () => {
  await expect(inProcess("")).resolves.toMatchObject({ stdout: "128000\n" });
  await expect(inProcess("await device.close()")).resolves.toMatchObject({ stdout: "128000\n" });
});

test("a launch under way does keep it alive", async () => {
  const again = `
    const big = testLaunch({ M: 1500, N: 1500, D: 64, Dv: 64, Hkv: 4, Hq: 8 });
    runOn(device, big).then(({ out }) => console.log(out.size));`;
  await expect(inProcess(again)).resolves.toMatchObject({ stdout: `128000\n${1500 * 64 * 8}\n` });
});

test("a process may end while its threads compute", async () => {
  const again = `
    const big = testLaunch({ M: 5000, N: 5000, D: 64, Dv: 64, Hkv: 4, Hq: 8 });
    void runOn(device, big);
    setTimeout(() => process.exit(0), 50);`;
  await expect(inProcess(again)).resolves.toMatchObject({ stdout: "128000\n" });
});
