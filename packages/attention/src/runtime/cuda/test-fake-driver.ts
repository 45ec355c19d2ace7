/**
 * libcuda and NVRTC in JavaScript, for tests: memory is ArrayBuffers, kernels are functions, calls are recorded, and any call can be
 * told to fail. Work is done when it is queued; that it is done is said a few questions later.
 */
import type { driverFunctions, nvrtcFunctions } from "./functions.ts";
import type { Load } from "./libraries.ts";
import { type Functions, type NativeLibrary, type Signatures, textOf } from "./native.ts";
import type { Machine } from "./places.ts";

type DriverName = keyof typeof driverFunctions;
type NvrtcName = keyof typeof nvrtcFunctions;
export type CallName = DriverName | NvrtcName;

/** What a kernel can see: its parameters' bytes by address, and the GPU's memory. */
export interface FakeLaunch {
  readonly name: string;
  readonly text: string;
  readonly blocks: number;
  readonly threads: number;
  readonly sharedBytes: number;
  /** The bytes of parameter `index`, of which there are `bytes`. */
  parameter(index: number, bytes: number): DataView;
  readonly gpu: FakeGpu;
}

export type FakeKernel = (launch: FakeLaunch) => void;

export interface FakeOptions {
  readonly memoryBytes?: number;
  readonly capability?: number;
  readonly gpus?: number;
  readonly driverVersion?: number;
  readonly nvrtcVersion?: readonly [major: number, minor: number];
  /** What kernels do; nothing by default. */
  readonly kernel?: FakeKernel;
  /** Questions until an event is said to have happened. Default 1. */
  readonly questions?: number;
  /** Libraries that do not load. */
  readonly missing?: RegExp;
}

/** A call that fails: the `nth` (from 0) of its name, or of all names. */
export interface Failure {
  readonly call: CallName | "any";
  readonly nth: number;
  readonly code: number;
  /** Whether every call after it fails too, as when the GPU is lost. */
  readonly onwards?: boolean;
}

const codes = {
  success: 0,
  invalidValue: 1,
  outOfMemory: 2,
  invalidImage: 200,
  invalidHandle: 400,
  notReady: 600,
  notFound: 500,
} as const;

const codeNames: Readonly<Record<number, string>> = {
  1: "CUDA_ERROR_INVALID_VALUE",
  2: "CUDA_ERROR_OUT_OF_MEMORY",
  100: "CUDA_ERROR_NO_DEVICE",
  200: "CUDA_ERROR_INVALID_IMAGE",
  214: "CUDA_ERROR_ECC_UNCORRECTABLE",
  400: "CUDA_ERROR_INVALID_HANDLE",
  700: "CUDA_ERROR_ILLEGAL_ADDRESS",
  719: "CUDA_ERROR_LAUNCH_FAILED",
};

/** GPU memory and host memory have addresses apart from each other. */
const GPU_BASE = 0x7f00_0000_0000n;
const HOST_BASE = 0x1000_0000n;
const GAP = 0x1000n;

interface Region {
  readonly base: bigint;
  readonly buffer: ArrayBuffer;
}

class AddressSpace {
  readonly regions: Map<bigint, Region> = new Map();
  #next: bigint;

  constructor(base: bigint) {
    this.#next = base;
  }

  add(buffer: ArrayBuffer): bigint {
    const base = this.#next;
    this.#next += ((BigInt(buffer.byteLength) + GAP) / GAP + 1n) * GAP;
    this.regions.set(base, { base, buffer });
    return base;
  }

  has(address: bigint): boolean {
    return [...this.regions.values()].some(
      ({ base, buffer }) => address >= base && address < base + BigInt(buffer.byteLength),
    );
  }

  remove(base: bigint): boolean {
    return this.regions.delete(base);
  }

  /** @throws RangeError  the bytes are not all inside one region */
  view(address: bigint, bytes: number): Uint8Array {
    for (const { base, buffer } of this.regions.values()) {
      const at = address - base;
      if (at < 0n || at >= BigInt(buffer.byteLength)) continue;
      if (at + BigInt(bytes) <= BigInt(buffer.byteLength)) {
        return new Uint8Array(buffer, Number(at), bytes);
      }
    }
    throw new RangeError(`no ${bytes} bytes at 0x${address.toString(16)}`);
  }

  get bytes(): number {
    return [...this.regions.values()].reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
  }
}

/** What is alive, by kind: after `close` nothing should be. */
export interface Leaks {
  readonly memory: number;
  readonly pinned: number;
  readonly events: number;
  readonly streams: number;
  readonly modules: number;
  readonly contexts: number;
  readonly programs: number;
}

export class FakeGpu {
  /** Names of all calls, in order. */
  readonly calls: CallName[] = [];
  readonly launches: Omit<FakeLaunch, "parameter" | "gpu">[] = [];
  readonly memory: AddressSpace = new AddressSpace(GPU_BASE);
  readonly host: AddressSpace = new AddressSpace(HOST_BASE);
  readonly options: FakeOptions;
  failures: readonly Failure[] = [];
  readonly #counts = new Map<string, number>();
  readonly #pinned = new Set<bigint>();
  readonly #events = new Map<bigint, number>();
  readonly #streams = new Set<bigint>();
  readonly #modules = new Map<bigint, string>();
  readonly #functions = new Map<bigint, { name: string; text: string }>();
  readonly #programs = new Map<bigint, { text: string; options: string[]; log: string }>();
  readonly #names = new Map<number, bigint>();
  readonly #buffers = new WeakMap<ArrayBuffer, bigint>();
  #contexts = 0;
  #lost: number | null = null;
  #handles = 0x5000n;
  #any = 0;
  #now = 0;

  constructor(options: FakeOptions = {}) {
    this.options = options;
  }

  get leaks(): Leaks {
    return {
      memory: this.memory.regions.size,
      pinned: this.#pinned.size,
      events: this.#events.size,
      streams: this.#streams.size,
      modules: this.#modules.size,
      contexts: this.#contexts,
      programs: this.#programs.size,
    };
  }

  count(name: CallName): number {
    return this.#counts.get(name) ?? 0;
  }

  /** How the two libraries are loaded. */
  readonly load: Load = async <S extends Signatures>(path: string): Promise<NativeLibrary<S>> => {
    if (this.options.missing?.test(path) === true) {
      throw new Error(`${path}: cannot open shared object file: No such file or directory`);
    }
    const table = /nvrtc/.test(path) ? this.#nvrtc : this.#driver;
    return this.#library(path, table as unknown as Functions<S>);
  };

  #library<S extends Signatures>(path: string, table: Functions<S>): NativeLibrary<S> {
    const functions: Record<string, (...args: never[]) => number> = {};
    for (const [name, own] of Object.entries(table)) {
      functions[name] = (...args) =>
        this.#enter(name as CallName) ?? (own as (typeof functions)[string])(...args);
    }
    return {
      path,
      functions: functions as unknown as Functions<S>,
      later: async (name, ...args) => {
        await new Promise((resolve) => setImmediate(resolve));
        return (functions[String(name)] as unknown as (...all: unknown[]) => number)(...args);
      },
      textAt: (address) => textOf(this.#bytesFrom(address)),
      viewAt: (address, bytes) => {
        const region = this.host.regions.get(address);
        if (region === undefined || region.buffer.byteLength !== bytes) {
          throw new RangeError("a view of memory that is not pinned");
        }
        return region.buffer;
      },
      addressOf: (buffer) => {
        const known = this.#buffers.get(buffer) ?? this.host.add(buffer);
        this.#buffers.set(buffer, known);
        return known;
      },
    };
  }

  #bytesFrom(address: bigint): Uint8Array {
    for (const { base, buffer } of this.host.regions.values()) {
      const at = Number(address - base);
      if (at >= 0 && at < buffer.byteLength) return new Uint8Array(buffer, at);
    }
    throw new RangeError(`nothing at 0x${address.toString(16)}`);
  }

  /** Counts a call; the code of one that is to fail. Names of errors never fail: they are asked for after a failure. */
  #enter(name: CallName): number | undefined {
    if (name === "cuGetErrorName") return undefined;
    this.calls.push(name);
    const nth = this.#counts.get(name) ?? 0;
    this.#counts.set(name, nth + 1);
    const any = this.#any++;
    if (this.#lost !== null) return this.#lost;
    const failure = this.failures.find(
      (each) =>
        (each.call === "any" && each.nth === any) || (each.call === name && each.nth === nth),
    );
    if (failure?.onwards === true) this.#lost = failure.code;
    return failure?.code;
  }

  #handle(): bigint {
    this.#handles += 16n;
    return this.#handles;
  }

  #nameAddress(code: number): bigint {
    const known = this.#names.get(code);
    if (known !== undefined) return known;
    const bytes = new TextEncoder().encode(`${codeNames[code] ?? "CUDA_ERROR_UNKNOWN"}\0`);
    const address = this.host.add(bytes.buffer);
    this.#names.set(code, address);
    return address;
  }

  #source(source: ArrayBufferView | bigint, bytes: number): Uint8Array {
    return typeof source === "bigint"
      ? this.host.view(source, bytes)
      : new Uint8Array(source.buffer, source.byteOffset, bytes);
  }

  #launch(fn: bigint, blocks: number, threads: number, sharedBytes: number, table: bigint): number {
    const found = this.#functions.get(fn);
    if (found === undefined) return codes.invalidHandle;
    const { name, text } = found;
    this.launches.push({ name, text, blocks, threads, sharedBytes });
    const parameter = (index: number, bytes: number): DataView => {
      const entry = this.host.view(table + BigInt(8 * index), 8);
      const address = new DataView(entry.buffer, entry.byteOffset).getBigUint64(0, true);
      const view = this.host.view(address, bytes);
      return new DataView(view.buffer, view.byteOffset, bytes);
    };
    this.options.kernel?.({
      name,
      text,
      blocks,
      threads,
      sharedBytes,
      parameter,
      gpu: this,
    });
    return codes.success;
  }

  readonly #driver: Functions<typeof driverFunctions> = {
    cuInit: () => codes.success,
    cuDriverGetVersion: (out) => put32(out, this.options.driverVersion ?? 13_000),
    cuGetErrorName: (code, out) => put64(out, this.#nameAddress(code)),
    cuGetErrorString: (code, out) => put64(out, this.#nameAddress(code)),
    cuDeviceGetCount: (out) => put32(out, this.options.gpus ?? 1),
    cuDeviceGet: (out, ordinal) => put32(out, ordinal),
    cuDeviceGetName: (out, bytes) => {
      const name = new TextEncoder().encode("Fake GPU\0").subarray(0, bytes);
      bytesOf(out).set(name);
      return codes.success;
    },
    cuDeviceGetAttribute: (out, attribute) => put32(out, this.#attribute(attribute)),
    cuDeviceTotalMem_v2: (out) => put64(out, BigInt(this.options.memoryBytes ?? 2 ** 30)),
    cuDevicePrimaryCtxRetain: (out) => {
      this.#contexts++;
      return put64(out, 0xc0n);
    },
    cuDevicePrimaryCtxRelease_v2: () => {
      this.#contexts--;
      return codes.success;
    },
    cuCtxSetCurrent: () => codes.success,
    cuStreamCreate: (out) => {
      const handle = this.#handle();
      this.#streams.add(handle);
      return put64(out, handle);
    },
    cuStreamSynchronize: () => codes.success,
    cuStreamDestroy_v2: (stream) => done(this.#streams.delete(stream)),
    cuEventCreate: (out) => {
      const handle = this.#handle();
      this.#events.set(handle, 0);
      return put64(out, handle);
    },
    cuEventRecord: (event) => {
      if (!this.#events.has(event)) return codes.invalidHandle;
      this.#events.set(event, (this.options.questions ?? 1) + 1);
      return codes.success;
    },
    cuEventQuery: (event) => {
      const left = (this.#events.get(event) ?? 0) - 1;
      this.#events.set(event, Math.max(left, 0));
      return left > 0 ? codes.notReady : codes.success;
    },
    cuEventElapsedTime: (out) => {
      new Float32Array((out ?? new Float32Array(1)).buffer)[0] = ++this.#now;
      return codes.success;
    },
    cuEventDestroy_v2: (event) => done(this.#events.delete(event)),
    cuMemGetInfo_v2: (free, total) => {
      const all = this.options.memoryBytes ?? 2 ** 30;
      put64(total, BigInt(all));
      return put64(free, BigInt(all - this.memory.bytes));
    },
    cuMemAlloc_v2: (out, bytes) => {
      const all = this.options.memoryBytes ?? 2 ** 30;
      if (this.memory.bytes + Number(bytes) > all) return codes.outOfMemory;
      return put64(out, this.memory.add(new ArrayBuffer(Number(bytes))));
    },
    cuMemFree_v2: (address) => done(this.memory.remove(address)),
    cuMemHostAlloc: (out, bytes) => {
      const address = this.host.add(new ArrayBuffer(Number(bytes)));
      this.#pinned.add(address);
      return put64(out, address);
    },
    cuMemFreeHost: (address) => done(this.#pinned.delete(address) && this.host.remove(address)),
    cuMemcpyHtoDAsync_v2: (to, from, bytes) => {
      this.memory.view(to, Number(bytes)).set(this.#source(from, Number(bytes)));
      return codes.success;
    },
    cuMemcpyDtoHAsync_v2: (to, from, bytes) => {
      this.#source(to, Number(bytes)).set(this.memory.view(from, Number(bytes)));
      return codes.success;
    },
    cuMemcpy2DAsync_v2: () => codes.invalidValue,
    cuMemsetD8Async: (address, value, bytes) => {
      this.memory.view(address, Number(bytes)).fill(value);
      return codes.success;
    },
    cuPointerGetAttribute: (out, _attribute, address) =>
      this.memory.has(address) ? put32(out, 0) : codes.invalidValue,
    cuTensorMapEncodeTiled: (map, _type, rank, address) => {
      if (rank !== 5 || address % 16n !== 0n) return codes.invalidValue;
      return put64(map, address);
    },
    cuModuleLoadData: (out, image) => {
      const text = textOf(bytesOf(image));
      if (!text.startsWith("cubin:")) return codes.invalidImage;
      const handle = this.#handle();
      this.#modules.set(handle, text.slice("cubin:".length));
      return put64(out, handle);
    },
    cuModuleGetFunction: (out, module, name) => {
      const text = this.#modules.get(module);
      if (text === undefined) return codes.invalidHandle;
      const wanted = textOf(bytesOf(name));
      if (!new RegExp(`\\b${wanted}\\b`).test(text)) return codes.notFound;
      const handle = this.#handle();
      this.#functions.set(handle, { name: wanted, text });
      return put64(out, handle);
    },
    cuModuleUnload: (module) => done(this.#modules.delete(module)),
    cuFuncGetAttribute: (out, attribute) => put32(out, attribute === 4 ? 168 : 0),
    cuFuncSetAttribute: () => codes.success,
    cuOccupancyMaxActiveBlocksPerMultiprocessor: (out) => put32(out, 1),
    cuLaunchKernel: (fn, blocks, _y, _z, threads, _ty, _tz, shared, _stream, table) =>
      this.#launch(fn, blocks, threads, shared, table),
  };

  readonly #nvrtc: Functions<typeof nvrtcFunctions> = {
    nvrtcVersion: (major, minor) => {
      const [first, second] = this.options.nvrtcVersion ?? [13, 0];
      put32(major, first);
      return put32(minor, second);
    },
    nvrtcCreateProgram: (out, text) => {
      const handle = this.#handle();
      this.#programs.set(handle, { text: textOf(bytesOf(text)), options: [], log: "" });
      return put64(out, handle);
    },
    nvrtcCompileProgram: (program, count, list) => {
      const found = this.#programs.get(program);
      if (found === undefined || list === null) return 4;
      const addresses = new BigUint64Array(list.buffer, list.byteOffset, count);
      found.options = [...addresses].map((address) => textOf(this.#bytesFrom(address)));
      if (!found.text.includes("#error")) return codes.success;
      found.log = "vigil.cu(1): error: #error";
      return 6;
    },
    nvrtcGetCUBINSize: (program, out) => put64(out, BigInt(this.#cubin(program).length)),
    nvrtcGetCUBIN: (program, out) => {
      bytesOf(out).set(this.#cubin(program));
      return codes.success;
    },
    nvrtcGetProgramLogSize: (program, out) =>
      put64(out, BigInt((this.#programs.get(program)?.log.length ?? 0) + 1)),
    nvrtcGetProgramLog: (program, out) => {
      bytesOf(out).set(new TextEncoder().encode(this.#programs.get(program)?.log));
      return codes.success;
    },
    nvrtcDestroyProgram: (program) => {
      const handle = new BigUint64Array(bytesOf(program).buffer)[0] ?? 0n;
      return done(this.#programs.delete(handle));
    },
  };

  #cubin(program: bigint): Uint8Array {
    const text = this.#programs.get(program)?.text ?? "";
    return new TextEncoder().encode(`cubin:${text}`);
  }

  #attribute(attribute: number): number {
    const capability = this.options.capability ?? 90;
    const known: Readonly<Record<number, number>> = {
      16: 4,
      75: Math.floor(capability / 10),
      76: capability % 10,
      97: 232_448,
    };
    return known[attribute] ?? 0;
  }
}

const bytesOf = (view: ArrayBufferView | null): Uint8Array =>
  view === null ? new Uint8Array(0) : new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

function put32(out: ArrayBufferView | null, value: number): number {
  const { buffer, byteOffset } = bytesOf(out);
  new DataView(buffer, byteOffset).setInt32(0, value, true);
  return codes.success;
}

function put64(out: ArrayBufferView | null, value: bigint): number {
  const { buffer, byteOffset } = bytesOf(out);
  new DataView(buffer, byteOffset).setBigUint64(0, value, true);
  return codes.success;
}

const done = (found: boolean): number => (found ? codes.success : codes.invalidValue);

/** A machine on which the loader finds both libraries. */
export const fakeMachine = (env: Machine["env"] = {}): Machine => ({
  platform: "linux",
  env,
  list: () => [],
  join: (...parts) => parts.join("/"),
  sitePackages: async () => [],
});
