import { chmod, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { type DiskCache, noDiskCache, openDiskCache } from "./disk-cache.ts";

const roots: string[] = [];

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "vigil-cache-"));
  roots.push(folder);
  return folder;
}

const open = async (limitBytes?: number): Promise<DiskCache> =>
  openDiskCache({ name: "test", folder: await newFolder(), limitBytes });

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const parts = ["source", "options", "driver 1"];

afterEach(async () => {
  for (const root of roots.splice(0)) await rm(root, { recursive: true, force: true });
});

test("what was put is found again, by another process's cache too", async () => {
  const cache = await open();
  expect(await cache.find(parts, ".bin")).toBeNull();
  const path = await cache.put(parts, ".bin", bytes(1, 2, 3));
  expect(await cache.find(parts, ".bin")).toBe(path);
  const again = await openDiskCache({ name: "test", folder: dirname(cache.folder) });
  expect(Uint8Array.from((await again.read(parts, ".bin")) ?? [])).toEqual(bytes(1, 2, 3));
});

test("every part of the key counts, and where one ends and the next begins", async () => {
  const cache = await open();
  await cache.put(["ab", "c"], ".bin", bytes(1));
  for (const other of [["a", "bc"], ["ab", "c", ""], ["ab"], ["ab", "d"]]) {
    expect(await cache.find(other, ".bin")).toBeNull();
  }
  expect(await cache.find(["ab", "c"], ".so")).toBeNull();
});

test("a file that changed on disk is not given out, is removed, and can be put again", async () => {
  const cache = await open();
  const path = (await cache.put(parts, ".bin", bytes(1, 2, 3))) ?? "";
  for (const damage of [bytes(1, 2, 4), bytes(1, 2), bytes()]) {
    await writeFile(path, damage);
    expect(await cache.find(parts, ".bin")).toBeNull();
    expect(await readdir(cache.folder)).toEqual([]);
    expect(await cache.put(parts, ".bin", bytes(1, 2, 3))).toBe(path);
  }
});

test("files and folder are for their user alone", async () => {
  const cache = await open();
  const path = (await cache.put(parts, ".bin", bytes(1))) ?? "";
  expect((await stat(cache.folder)).mode & 0o777).toBe(0o700);
  expect((await stat(path)).mode & 0o077).toBe(0);
});

test("a folder that others may write to keeps nothing, and says so", async () => {
  const folder = await newFolder();
  const first = await openDiskCache({ name: "test", folder });
  await first.put(parts, ".bin", bytes(1));
  await chmod(first.folder, 0o777);
  const second = await openDiskCache({ name: "test", folder });
  expect(second.problem).toMatch(/others may write/);
  expect(await second.find(parts, ".bin")).toBeNull();
  expect(await second.put(parts, ".bin", bytes(2))).toBeNull();
});

test("where no folder can be made, nothing is kept and nothing throws", async () => {
  const folder = join(await newFolder(), "file");
  await writeFile(folder, "in the way");
  const cache = await openDiskCache({ name: "test", folder });
  expect(cache.problem).toMatch(/ENOTDIR|EEXIST/);
  expect(await cache.put(parts, ".bin", bytes(1))).toBeNull();
  expect(await cache.adopt(parts, ".bin", folder)).toBeNull();
  expect(await noDiskCache("off").find(parts, ".bin")).toBeNull();
});

test("several processes that put the same at one time leave one file", async () => {
  const cache = await open();
  const paths = await Promise.all(
    Array.from({ length: 8 }, () => cache.put(parts, ".bin", bytes(5, 6))),
  );
  expect(new Set(paths).size).toBe(1);
  expect(await readdir(cache.folder)).toHaveLength(1);
});

test("a compiler's file is taken over whole", async () => {
  const cache = await open();
  const built = join(await newFolder(), "kernel.so");
  await writeFile(built, bytes(7, 8, 9));
  const path = (await cache.adopt(parts, ".so", built)) ?? "";
  expect(Uint8Array.from(await readFile(path))).toEqual(bytes(7, 8, 9));
  await expect(stat(built)).rejects.toThrow("ENOENT");
});

test("beyond the limit, what was used longest ago goes first", async () => {
  const cache = await open(250);
  const names = ["a", "b", "c"];
  for (const [at, name] of names.entries()) {
    const path = (await cache.put([name], ".bin", new Uint8Array(100))) ?? "";
    await utimes(path, 1000 + at, 1000 + at);
  }
  await cache.find(["a"], ".bin");
  await cache.put(["d"], ".bin", new Uint8Array(100));
  await cache.put(["e"], ".bin", new Uint8Array(100));
  const kept = await Promise.all(
    [...names, "d", "e"].map(async (name) => (await cache.find([name], ".bin")) !== null),
  );
  expect(kept).toEqual([true, false, false, true, true]);
});

test("a name that would leave the folder is refused", async () => {
  await expect(openDiskCache({ name: "../x" })).rejects.toThrow(RangeError);
});
