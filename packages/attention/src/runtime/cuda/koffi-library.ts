/** C libraries through koffi, an optional peer that is loaded when the first is asked for. */
import type * as koffiModule from "koffi";
import { UnsupportedError } from "../../errors.ts";
import type { ArgumentType, Functions, NativeLibrary, Signatures } from "./native.ts";

const cTypes: Readonly<Record<ArgumentType, string>> = {
  i32: "int",
  u32: "unsigned int",
  size: "uint64_t",
  pointer: "void *",
  memory: "void *",
  host: "void *",
};

type Koffi = typeof koffiModule;

/** Libraries stay loaded as long as the process lives: unloading a driver is asking for trouble. */
const loaded: unknown[] = [];

async function loadKoffi(): Promise<Koffi> {
  try {
    // By a variable: bundlers for browsers must not look for it.
    const name = "koffi";
    const { default: koffi } = (await import(name)) as { readonly default: Koffi };
    return koffi;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    throw new UnsupportedError(
      "cuda",
      `the package koffi, which calls the driver, does not load (${reason})`,
      "run npm install koffi",
    );
  }
}

/** What koffi makes of a C function. */
interface KoffiFunction {
  (...args: unknown[]): number;
  async(...args: unknown[]): void;
}

/**
 * Loads a library and finds all functions of a table in it.
 *
 * @throws UnsupportedError  koffi is missing
 * @throws Error             the library does not load, or lacks a function
 */
export async function loadNative<S extends Signatures>(
  path: string,
  signatures: S,
): Promise<NativeLibrary<S>> {
  const koffi = await loadKoffi();
  const library = koffi.load(path);
  loaded.push(library);
  const functions = new Map<string, KoffiFunction>();
  for (const [name, types] of Object.entries(signatures)) {
    const own = library.func(
      name,
      "int",
      types.map((type) => cTypes[type]),
    ) as unknown;
    functions.set(name, own as KoffiFunction);
  }
  return {
    path,
    functions: Object.fromEntries(functions) as unknown as Functions<S>,
    later: (name, ...args) =>
      new Promise((resolve, reject) => {
        functions.get(String(name))?.async(...args, (error: unknown, code: number) => {
          if (error === null || error === undefined) resolve(code);
          else reject(error instanceof Error ? error : new Error(String(error)));
        });
      }),
    textAt: (address) => koffi.decode.string(address),
    viewAt: (address, bytes) => koffi.view(address, bytes),
    addressOf: (buffer) => koffi.address(buffer),
  };
}
