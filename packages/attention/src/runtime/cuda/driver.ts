/** libcuda with every result checked: a call either succeeds or throws what failed, and at what. */
import { CudaError } from "./cuda-error.ts";
import { type DriverLibrary, driverFunctions } from "./functions.ts";
import type { Arguments } from "./native.ts";

type Signatures = typeof driverFunctions;
export type DriverCall = keyof Signatures;

/** What was being done, or how to say it: said only when it fails. */
export type Doing = string | (() => string);

type CheckedFunctions = {
  readonly [N in DriverCall]: (doing: Doing, ...args: Arguments<Signatures[N]>) => void;
};

const NOT_READY = 600;

/** The name of a result code, such as `CUDA_ERROR_NO_DEVICE`. */
export function resultName(library: DriverLibrary, code: number): string {
  const out = new BigUint64Array(1);
  const found = library.functions.cuGetErrorName(code, out) === 0 && out[0] !== 0n;
  return found ? library.textAt(out[0] ?? 0n) : "an unknown result";
}

export class Driver {
  readonly library: DriverLibrary;
  /** The functions by their C names, with what they are called for as first argument. */
  readonly call: CheckedFunctions;
  #lost = false;

  constructor(library: DriverLibrary) {
    this.library = library;
    const names = Object.keys(driverFunctions) as DriverCall[];
    const checked = names.map((name) => [name, this.#checked(name)] as const);
    // Each key has the function of its own name, with that name's arguments.
    this.call = Object.fromEntries(checked) as unknown as CheckedFunctions;
  }

  /** Whether a call has said that the process cannot use the GPU any more: every later one fails too. */
  get isLost(): boolean {
    return this.#lost;
  }

  /** @throws CudaError the code of a call is not success */
  check(code: number, call: DriverCall, doing: Doing): void {
    if (code !== 0) throw this.#failure(code, call, doing);
  }

  /** What a call wrote as one 64-bit number: a handle, an address or a size. */
  out64(write: (out: BigUint64Array) => void): bigint {
    const out = new BigUint64Array(1);
    write(out);
    return out[0] ?? 0n;
  }

  out32(write: (out: Int32Array) => void): number {
    const out = new Int32Array(1);
    write(out);
    return out[0] ?? 0;
  }

  /** Whether everything recorded before an event has happened. @throws CudaError if it failed instead */
  isDone(event: bigint, doing: Doing): boolean {
    const code = this.library.functions.cuEventQuery(event);
    if (code === NOT_READY) return false;
    this.check(code, "cuEventQuery", doing);
    return true;
  }

  #checked(name: DriverCall): (doing: Doing, ...args: never[]) => void {
    const raw = this.library.functions[name] as (...args: never[]) => number;
    return (doing, ...args) => {
      const code = raw(...args);
      if (code !== 0) throw this.#failure(code, name, doing);
    };
  }

  #failure(code: number, call: DriverCall, doing: Doing): CudaError {
    const error = new CudaError({
      code,
      call,
      codeName: resultName(this.library, code),
      doing: typeof doing === "string" ? doing : doing(),
    });
    this.#lost ||= error.isFatal;
    return error;
  }
}
