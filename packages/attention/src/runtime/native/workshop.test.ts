import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { noDiskCache, openDiskCache } from "../shared/disk-cache.ts";
import { findCompiler } from "./compiler.ts";
import type { Library } from "./library.ts";
import { thisMachine } from "./machine.ts";
import { noCompiler, testFolder, testText } from "./test-library.ts";
import { CompilerRefusal, Workshop } from "./workshop.ts";

const absent = (await noCompiler()) || (process.arch !== "x64" && "x86: another processor");
const machine = thisMachine();

afterEach(() => vi.unstubAllEnvs());

async function open(folder: string | null): Promise<Workshop> {
  return new Workshop({
    koffi: await machine.loadKoffi(),
    compiler: await findCompiler(machine),
    target: { isa: "avx2" },
    features: new Set(["avx2"]),
    cache: folder === null ? noDiskCache("off") : await openDiskCache({ name: "native", folder }),
  });
}

/** What the function `test` returns. */
const call = (library: Library, threads = 0): number =>
  library.runHere(library.symbol("test"), 0n, threads);

const compiled = async (folder: string): Promise<string[]> =>
  (await readdir(join(folder, "native"))).filter((name) => name.endsWith(".so"));

test("compiles and loads; the second time it comes from the disk, also for another process", async ({
  skip,
}) => {
  skip(absent !== false, String(absent));
  const folder = await testFolder();
  const text = testText("(void)words; return threads + 40;");
  const [first, second] = [await open(folder), await open(folder)];
  expect(call(await first.load(text), 2)).toBe(42);
  expect(call(await first.load(text), 3)).toBe(43);
  expect(first.compilations).toBe(1);
  expect(call(await second.load(text), 4)).toBe(44);
  expect(second.compilations).toBe(0);
  for (const shop of [first, second]) shop.close();
});

test("texts that differ are different libraries, side by side", async ({ skip }) => {
  skip(absent !== false, String(absent));
  const shop = await open(await testFolder());
  const libraries = await Promise.all(
    [1, 2, 3].map((n) => shop.load(testText(`(void)words; (void)threads; return ${n};`))),
  );
  expect(libraries.map((library) => call(library))).toEqual([1, 2, 3]);
  shop.close();
});

test("a damaged file is compiled again, never loaded", async ({ skip }) => {
  skip(absent !== false, String(absent));
  const folder = await testFolder();
  const text = testText("(void)words; (void)threads; return 5;");
  const first = await open(folder);
  await first.load(text);
  first.close();
  const [name = ""] = await compiled(folder);
  const path = join(folder, "native", name);
  const whole = await readFile(path);
  const changed = Buffer.from(whole);
  changed[5000] = (changed[5000] ?? 0) ^ 1;
  for (const damaged of [whole.subarray(0, 100), changed, Buffer.alloc(0)]) {
    await writeFile(path, damaged);
    const shop = await open(folder);
    expect(call(await shop.load(text))).toBe(5);
    expect(shop.compilations).toBe(1);
    shop.close();
  }
});

test("several workshops that compile the same at one time leave whole files only", async ({
  skip,
}) => {
  skip(absent !== false, String(absent));
  const folder = await testFolder();
  const text = testText("(void)words; (void)threads; return 6;");
  const shops = await Promise.all([1, 2, 3].map(() => open(folder)));
  const libraries = await Promise.all(shops.map((shop) => shop.load(text)));
  expect(libraries.map((library) => call(library))).toEqual([6, 6, 6]);
  for (const shop of shops) shop.close();
  for (const name of await compiled(folder)) {
    const bytes = await readFile(join(folder, "native", name));
    const sum = createHash("sha256").update(bytes).digest("hex");
    expect(name).toContain(sum);
  }
});

test("without a cache it compiles each time, and leaves nothing behind", async ({ skip }) => {
  skip(absent !== false, String(absent));
  const folder = await testFolder();
  vi.stubEnv("TMPDIR", folder);
  const text = testText("(void)words; (void)threads; return 7;");
  const shop = await open(null);
  expect(call(await shop.load(text))).toBe(7);
  expect(call(await shop.load(text))).toBe(7);
  expect(shop.compilations).toBe(2);
  shop.close();
  expect(await readdir(folder)).toEqual([]);
});

test("what does not compile is refused with the compiler's first words", async ({ skip }) => {
  skip(absent !== false, String(absent));
  const shop = await open(null);
  const loading = shop.load(testText("return no_such_name;"));
  await expect(loading).rejects.toThrow(CompilerRefusal);
  await expect(loading).rejects.toThrow(/does not compile it: .*no_such_name/);
  shop.close();
});

test("closing ends a compiler under way", async ({ skip }) => {
  skip(absent !== false, String(absent));
  const shop = await open(null);
  const loading = shop.load(testText("(void)words; (void)threads; return 8;"));
  shop.close();
  await expect(loading).rejects.toThrow("the device was closed");
  await expect(shop.load(testText("return 9;"))).rejects.toThrow("the device was closed");
});
