/** From C text to a library that is loaded: from the disk if it was compiled before, else through the compiler. */
import { compilerFlags, linkerFlags, type NativeTarget } from "../../emit/native/abi.ts";
import type { DiskCache } from "../shared/disk-cache.ts";
import { atExit } from "./at-exit.ts";
import { type Compiler, runCompiler } from "./compiler.ts";
import { Library } from "./library.ts";
import { type Koffi, node } from "./machine.ts";

export interface WorkshopParts {
  readonly koffi: Koffi;
  readonly compiler: Compiler;
  readonly target: NativeTarget;
  /** Processor features by name: part of what a library is made for. */
  readonly features: ReadonlySet<string>;
  readonly cache: DiskCache;
}

/** Lines of a compiler's complaint that are kept. */
const MOST_LINES = 4;

/** A text that a compiler makes nothing of: the compiler lacks something, or the text is wrong. */
export class CompilerRefusal extends Error {
  override readonly name: string = "CompilerRefusal";

  constructor(banner: string, complaint: string) {
    const lines = complaint.split("\n").filter((line) => /error|cannot/.test(line));
    const reason = lines.slice(0, MOST_LINES).join("; ") || "no reason given";
    super(`${banner} does not compile it: ${reason}`);
  }
}

export class Workshop {
  readonly #parts: WorkshopParts;
  readonly #libraries = new Set<Library>();
  readonly #closing = new AbortController();
  #compilations = 0;

  constructor(parts: WorkshopParts) {
    this.#parts = parts;
  }

  /** Times that the compiler ran. */
  get compilations(): number {
    return this.#compilations;
  }

  /**
   * Loads what a text compiles to.
   *
   * @throws CompilerRefusal   the compiler makes nothing of it
   * @throws UnsupportedError  the loader refuses what it made
   * @throws Error             the workshop was closed meanwhile
   */
  async load(source: string): Promise<Library> {
    const { compiler, target, features, cache } = this.#parts;
    const flags = [...compilerFlags(target), ...linkerFlags].join(" ");
    const key = [source, compiler.banner, flags, [...features].sort().join(" ")];
    const kept = await cache.find(key, ".so");
    if (kept !== null) return this.#open(kept);
    const { fs, os, path } = { fs: node.fs(), os: node.os(), path: node.path() };
    const folder = await fs.mkdtemp(path.join(os.tmpdir(), "vigil-compile-"));
    const gone = atExit(() => node.fsSync().rmSync(folder, { recursive: true, force: true }));
    try {
      const built = path.join(folder, "kernels.so");
      await this.#compile(source, folder, built);
      return this.#open((await cache.adopt(key, ".so", built)) ?? built);
    } finally {
      gone();
      await fs.rm(folder, { recursive: true, force: true });
    }
  }

  /** Ends compilers that run, and unloads every library: nothing may run in one any more. */
  close(): void {
    this.#closing.abort(new Error("native: the device was closed"));
    for (const library of this.#libraries) library.unload();
    this.#libraries.clear();
  }

  async #compile(source: string, folder: string, built: string): Promise<void> {
    const { compiler, target } = this.#parts;
    const input = ["-x", "c", "-", "-o", built];
    this.#compilations++;
    const { ok, complaint } = await runCompiler({
      ...{ compiler, source, folder, signal: this.#closing.signal },
      arguments: [...compilerFlags(target), "-pipe", ...input, ...linkerFlags],
    });
    if (!ok) throw new CompilerRefusal(compiler.banner, complaint);
  }

  #open(path: string): Library {
    this.#closing.signal.throwIfAborted();
    const library = new Library(this.#parts.koffi, path);
    this.#libraries.add(library);
    return library;
  }
}
