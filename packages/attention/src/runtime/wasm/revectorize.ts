/** V8's pass that joins two 128-bit operations into one of 256 bits. */
import { UnsupportedError } from "../../errors.ts";
import type { Host } from "./host.ts";

const NAME = "revectorized";

/**
 * A custom section, which means nothing to WebAssembly. V8 shares code between modules of equal bytes, also when one of
 * them was compiled before the flag was set: the section makes ours different.
 */
function marker(): Uint8Array {
  const name = new TextEncoder().encode(NAME);
  return Uint8Array.from([0, name.length + 1, name.length, ...name]);
}

/**
 * Turns the pass on for everything that this process compiles from now on.
 *
 * @returns bytes to append to each module
 * @throws UnsupportedError  outside Node there is no way to set V8's flags
 */
export function revectorize({ setEngineFlag }: Host): Uint8Array {
  if (setEngineFlag === null) {
    const remedy = "open the device without revectorize";
    throw new UnsupportedError("wasm", "only Node can set V8's revectorize flag", remedy);
  }
  setEngineFlag("--experimental-wasm-revectorize");
  return marker();
}
