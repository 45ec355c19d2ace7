/**
 * Compiled kernels on disk, for the next process. A file is named by the hash of what it was made from and by the hash of what is
 * in it, so that one rename puts it there whole, and one that is not what it was is found out before anybody loads it.
 *
 * The folder belongs to the user alone: whoever can write there can run code as the user.
 */
import type { Stats } from "node:fs";
import { describe, rangeError } from "../../errors.ts";

export interface DiskCacheOptions {
  /** Folder within the cache, for example "cuda". */
  readonly name: string;
  /** Default: `VIGIL_CACHE_DIR`, else `vigil` in the user's folder for caches. */
  readonly folder?: string | undefined;
  /** The files used longest ago go when there is more than this. Default 512 MiB. */
  readonly limitBytes?: number | undefined;
}

export interface DiskCache {
  /** Where the files lie. */
  readonly folder: string;
  /** Why nothing is kept; null where it is. */
  readonly problem: string | null;
  /** The path of what was put there under the same parts, its hash verified just now; else null. */
  find(parts: readonly string[], suffix: string): Promise<string | null>;
  /** The same, read. */
  read(parts: readonly string[], suffix: string): Promise<Uint8Array | null>;
  /** Keeps bytes; the path, or null where that could not be done. */
  put(parts: readonly string[], suffix: string, bytes: Uint8Array): Promise<string | null>;
  /** Keeps a file that lies elsewhere, which is moved or copied. */
  adopt(parts: readonly string[], suffix: string, path: string): Promise<string | null>;
}

const DEFAULT_LIMIT = 2 ** 29;

/** A file that another process is still writing is not this old. */
const ABANDONED_MS = 3_600_000;

/** Node's own, fetched when they are needed: browsers load this file too. */
const node = () => ({
  fs: process.getBuiltinModule("node:fs/promises"),
  path: process.getBuiltinModule("node:path"),
  os: process.getBuiltinModule("node:os"),
  crypto: process.getBuiltinModule("node:crypto"),
});

type Modules = ReturnType<typeof node>;

const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

function defaultFolder({ os, path }: Modules): string {
  const { VIGIL_CACHE_DIR, XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (VIGIL_CACHE_DIR !== undefined && VIGIL_CACHE_DIR !== "") return VIGIL_CACHE_DIR;
  const home = os.homedir();
  const roots: Readonly<Partial<Record<NodeJS.Platform, string>>> = {
    darwin: path.join(home, "Library", "Caches"),
    win32: LOCALAPPDATA ?? path.join(home, "AppData", "Local"),
  };
  const root = roots[process.platform] ?? (XDG_CACHE_HOME || path.join(home, ".cache"));
  return path.join(root, "vigil");
}

/** Why a folder cannot be trusted, or null. Windows keeps users apart by its own lists. */
function strangers(folder: Stats): string | null {
  if (!folder.isDirectory()) return "it is not a folder";
  const own = process.getuid?.();
  if (own === undefined) return null;
  if (folder.uid !== own) return "it belongs to another user";
  return (folder.mode & 0o022) === 0 ? null : "others may write to it; run chmod go-w on it";
}

async function prepare(folder: string, { fs }: Modules): Promise<string | null> {
  try {
    await fs.mkdir(folder, { recursive: true, mode: 0o700 });
    return strangers(await fs.lstat(folder));
  } catch (error) {
    return reasonOf(error);
  }
}

/**
 * Opens the cache, making its folder. Where that cannot be, or others could write to it, nothing is kept and `problem` says why.
 *
 * @throws RangeError  a name that is not one plain word
 */
export async function openDiskCache(options: DiskCacheOptions): Promise<DiskCache> {
  const { name, folder, limitBytes = DEFAULT_LIMIT } = options;
  if (!/^[\w-]+$/.test(name)) {
    const remedy = "use letters, digits and dashes";
    throw rangeError({ name: "name", expected: "one word", got: describe(name), remedy });
  }
  const modules = node();
  const place = modules.path.join(folder ?? defaultFolder(modules), name);
  const problem = await prepare(place, modules);
  return new Files(place, problem, limitBytes, modules);
}

/** The cache that keeps nothing. */
export const noDiskCache = (problem: string): DiskCache => ({
  folder: "",
  problem,
  find: async () => null,
  read: async () => null,
  put: async () => null,
  adopt: async () => null,
});

interface Found {
  readonly path: string;
  readonly bytes: Uint8Array;
}

class Files implements DiskCache {
  readonly folder: string;
  readonly problem: string | null;
  readonly #limitBytes: number;
  readonly #modules: Modules;

  constructor(folder: string, problem: string | null, limitBytes: number, modules: Modules) {
    this.folder = folder;
    this.problem = problem;
    this.#limitBytes = limitBytes;
    this.#modules = modules;
  }

  async find(parts: readonly string[], suffix: string): Promise<string | null> {
    return (await this.#look(parts, suffix))?.path ?? null;
  }

  async read(parts: readonly string[], suffix: string): Promise<Uint8Array | null> {
    return (await this.#look(parts, suffix))?.bytes ?? null;
  }

  async put(parts: readonly string[], suffix: string, bytes: Uint8Array): Promise<string | null> {
    if (this.problem !== null) return null;
    const { fs, path } = this.#modules;
    const name = this.#nameOf(parts, suffix, bytes);
    const temporary = path.join(this.folder, `${this.#unique()}.tmp`);
    try {
      await fs.writeFile(temporary, bytes, { mode: 0o700, flag: "wx" });
      await fs.rename(temporary, path.join(this.folder, name));
      await this.#trim(name);
      return path.join(this.folder, name);
    } catch {
      // A full or read-only disk costs the next process a compilation, not this one its result.
      await fs.rm(temporary, { force: true }).catch(() => undefined);
      return null;
    }
  }

  async adopt(parts: readonly string[], suffix: string, from: string): Promise<string | null> {
    if (this.problem !== null) return null;
    const { fs } = this.#modules;
    const kept = await this.put(parts, suffix, await fs.readFile(from));
    if (kept !== null) await fs.rm(from, { force: true });
    return kept;
  }

  #sha256(bytes: Uint8Array | string): string {
    return this.#modules.crypto.createHash("sha256").update(bytes).digest("hex");
  }

  #unique(): string {
    return this.#modules.crypto.randomUUID();
  }

  /** Lengths keep apart parts that would read the same end to end. */
  #keyOf(parts: readonly string[]): string {
    return this.#sha256(parts.map((part) => `${part.length}:${part}`).join("\n"));
  }

  #nameOf(parts: readonly string[], suffix: string, bytes: Uint8Array): string {
    return `${this.#keyOf(parts)}-${this.#sha256(bytes)}${suffix}`;
  }

  /** The first file of the key that still is what its name says; those that are not are removed. */
  async #look(parts: readonly string[], suffix: string): Promise<Found | null> {
    if (this.problem !== null) return null;
    const { fs, path } = this.#modules;
    const key = this.#keyOf(parts);
    const names = await fs.readdir(this.folder).catch((): string[] => []);
    for (const name of names) {
      if (!name.startsWith(`${key}-`) || !name.endsWith(suffix)) continue;
      const file = path.join(this.folder, name);
      const bytes = await fs.readFile(file).catch(() => null);
      if (bytes !== null && name === `${key}-${this.#sha256(bytes)}${suffix}`) {
        const now = new Date();
        await fs.utimes(file, now, now).catch(() => undefined);
        return { path: file, bytes };
      }
      await fs.rm(file, { force: true }).catch(() => undefined);
    }
    return null;
  }

  /** Removes what was used longest ago, but never `keep`; and what a process that died left behind. */
  async #trim(keep: string): Promise<void> {
    const { fs, path } = this.#modules;
    const files: { readonly file: string; readonly used: number; readonly bytes: number }[] = [];
    for (const name of await fs.readdir(this.folder)) {
      const file = path.join(this.folder, name);
      const stats = await fs.stat(file).catch(() => null);
      if (stats === null || name === keep) continue;
      const isAbandoned = name.endsWith(".tmp") && Date.now() - stats.mtimeMs > ABANDONED_MS;
      if (isAbandoned) await fs.rm(file, { force: true });
      else files.push({ file, used: stats.mtimeMs, bytes: stats.size });
    }
    let left = files.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { file, bytes } of files.toSorted((a, b) => a.used - b.used)) {
      if (left <= this.#limitBytes) return;
      await fs.rm(file, { force: true });
      left -= bytes;
    }
  }
}
