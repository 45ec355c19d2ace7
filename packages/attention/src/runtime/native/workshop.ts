/** From C text to a library that is loaded: from the disk if it was compiled before, else through the compiler. */
import { compilerFlags, linkerFlags, type NativeTarget } from "../../emit/native/abi.ts";
import { UnsupportedError } from "../../errors.ts";
import type { DiskCache } from "../shared/disk-cache.ts";
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

/** Lines of a compiler's complaint that say anything. */
const MOST_LINES = 4;

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
   * @throws UnsupportedError  the compiler refuses it, or the loader does
   * @throws Error             the workshop was closed meanwhile
   */
  async load(source: string): Promise<Library> {
    const { compiler, target, features, cache } = this.#parts;
    const flags = [...compilerFlags(target), ...linkerFlags].join(" ");
    const key = [source, compiler.banner, flags, [...features].sort().join(" ")];
    const kept = await cache.find(key, ".so");
    if (kept !== null) return this.#open(kept);
    const { fs, os, path } = { fs: node.fs(), os: node.os(), path: node.path() };
    const folder = await fs.mkdtemp(path.join(os.tmpdir(), "vigil-native-"));
    const leave = (): void => node.fsSync().rmSync(folder, { recursive: true, force: true });
    process.once("exit", leave);
    try {
      const built = path.join(folder, "kernels.so");
      await this.#compile(source, folder, built);
      return this.#open((await cache.adopt(key, ".so", built)) ?? built);
    } finally {
      process.off("exit", leave);
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
    if (ok) return;
    const lines = complaint.split("\n").filter((line) => /error|cannot/.test(line));
    throw new UnsupportedError(
      "native",
      `${compiler.banner} does not compile it: ${lines.slice(0, MOST_LINES).join("; ") || "no reason given"}`,
      "install the compiler's C library headers (Debian: libc6-dev), or open the device wasm",
    );
  }

  #open(path: string): Library {
    this.#closing.signal.throwIfAborted();
    const library = new Library(this.#parts.koffi, path);
    this.#libraries.add(library);
    return library;
  }
}
