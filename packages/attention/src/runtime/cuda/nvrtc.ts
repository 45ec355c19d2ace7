/** NVRTC: CUDA C++ text to the GPU's own code, on another thread. */
import { CudaError } from "./cuda-error.ts";
import type { NvrtcLibrary, nvrtcFunctions } from "./functions.ts";
import { type Arguments, cText, textOf } from "./native.ts";

type NvrtcCall = keyof typeof nvrtcFunctions;

/** By their numbers. */
const resultNames = [
  "NVRTC_SUCCESS",
  "NVRTC_ERROR_OUT_OF_MEMORY",
  "NVRTC_ERROR_PROGRAM_CREATION_FAILURE",
  "NVRTC_ERROR_INVALID_INPUT",
  "NVRTC_ERROR_INVALID_PROGRAM",
  "NVRTC_ERROR_INVALID_OPTION",
  "NVRTC_ERROR_COMPILATION",
  "NVRTC_ERROR_BUILTIN_OPERATION_FAILURE",
] as const;

const COMPILATION = 6;

/** Lines of a compiler's log that an error message carries. */
const LOG_LINES = 40;

export interface Compiler {
  /** For example `13.0`. */
  readonly version: string;
  readonly path: string;
  /** @throws CudaError  the text does not compile (the message has the log), or the GPU is unknown to this NVRTC */
  compile(text: string, options: readonly string[]): Promise<Uint8Array<ArrayBuffer>>;
}

export class Nvrtc implements Compiler {
  readonly version: string;
  readonly #library: NvrtcLibrary;
  /** What another thread reads must not be collected meanwhile. */
  readonly #inUse = new Set<OptionList>();

  constructor(library: NvrtcLibrary) {
    this.#library = library;
    const [major, minor] = [new Int32Array(1), new Int32Array(1)];
    this.#call("asking for its version", "nvrtcVersion", major, minor);
    this.version = `${major[0]}.${minor[0]}`;
  }

  get path(): string {
    return this.#library.path;
  }

  async compile(text: string, options: readonly string[]): Promise<Uint8Array<ArrayBuffer>> {
    const out = new BigUint64Array(1);
    const doing = "preparing a kernel's text";
    const [source, name] = [cText(text), cText("vigil.cu")];
    this.#call(doing, "nvrtcCreateProgram", out, source, name, 0, null, null);
    try {
      await this.#run(out[0] ?? 0n, options);
      return this.#cubin(out[0] ?? 0n);
    } finally {
      this.#call("forgetting a kernel's text", "nvrtcDestroyProgram", out);
    }
  }

  async #run(program: bigint, options: readonly string[]): Promise<void> {
    const list = new OptionList(options, (buffer) => this.#library.addressOf(buffer));
    this.#inUse.add(list);
    const count = options.length;
    const code = await this.#library.later("nvrtcCompileProgram", program, count, list.addresses);
    this.#inUse.delete(list);
    if (code === 0) return;
    const doing = `compiling a kernel with ${options.join(" ")}`;
    const detail = code === COMPILATION ? this.#log(program) : undefined;
    throw failure({ code, call: "nvrtcCompileProgram", doing, detail });
  }

  #cubin(program: bigint): Uint8Array<ArrayBuffer> {
    const doing = "taking over a compiled kernel";
    const bytes = this.#sized(doing, "nvrtcGetCUBINSize", program);
    const cubin = new Uint8Array(bytes);
    this.#call(doing, "nvrtcGetCUBIN", program, cubin);
    return cubin;
  }

  #log(program: bigint): string {
    const doing = "reading the compiler's log";
    const log = new Uint8Array(this.#sized(doing, "nvrtcGetProgramLogSize", program) + 1);
    this.#call(doing, "nvrtcGetProgramLog", program, log);
    return textOf(log).trim().split("\n").slice(0, LOG_LINES).join("\n");
  }

  #sized(
    doing: string,
    call: "nvrtcGetCUBINSize" | "nvrtcGetProgramLogSize",
    program: bigint,
  ): number {
    const size = new BigUint64Array(1);
    this.#call(doing, call, program, size);
    return Number(size[0]);
  }

  #call<N extends NvrtcCall>(
    doing: string,
    call: N,
    ...args: Arguments<(typeof nvrtcFunctions)[N]>
  ): void {
    const code = this.#library.functions[call](...args);
    if (code !== 0) throw failure({ code, call, doing });
  }
}

interface NvrtcFailure {
  readonly code: number;
  readonly call: NvrtcCall;
  readonly doing: string;
  readonly detail?: string | undefined;
}

const failure = (what: NvrtcFailure): CudaError =>
  new CudaError({ ...what, codeName: resultNames[what.code] ?? "an unknown NVRTC result" });

/** `const char**`: the texts in one buffer that stays where it is, and their addresses. */
class OptionList {
  readonly addresses: BigUint64Array;
  /** Kept alive as long as the addresses are. */
  readonly held: ArrayBuffer;

  constructor(options: readonly string[], addressOf: (buffer: ArrayBuffer) => bigint) {
    const texts = options.map(cText);
    const bytes = texts.reduce((sum, text) => sum + text.length, 0);
    this.held = new ArrayBuffer(Math.max(bytes, 128));
    const base = addressOf(this.held);
    let at = 0;
    this.addresses = new BigUint64Array(texts.length + 1);
    for (const [index, text] of texts.entries()) {
      new Uint8Array(this.held).set(text, at);
      this.addresses[index] = base + BigInt(at);
      at += text.length;
    }
  }
}
