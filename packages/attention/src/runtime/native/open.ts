/** Opening the native target. */
import type { Isa, NativeTarget } from "../../emit/native/abi.ts";
import { emitPrelude } from "../../emit/native/prelude/prelude.ts";
import { describe, rangeError, UnsupportedError } from "../../errors.ts";
import type { Device } from "../device.ts";
import { noDiskCache, openDiskCache } from "../shared/disk-cache.ts";
import { type Compiler, findCompiler } from "./compiler.ts";
import { chooseIsa, type Cpu, parseCpuInfo } from "./cpu.ts";
import { NativeDevice } from "./device.ts";
import type { Library } from "./library.ts";
import { type Koffi, type Machine, thisMachine } from "./machine.ts";
import { WarmingDevice } from "./warming-device.ts";
import { CompilerRefusal, Workshop } from "./workshop.ts";

export interface NativeOptions {
  /** Threads that compute. Default 1; "auto": as many as the machine runs at once. */
  readonly threads?: number | "auto";
  /** Whether brief launches too leave the calling thread free; others always do. Default false. */
  readonly background?: boolean;
  /** Program, perhaps with arguments. Default: the variable CC, else the first of gcc, clang and cc on PATH. */
  readonly compiler?: string;
  /** Instructions to compile to. Default "auto": the best that processor and compiler have. */
  readonly isa?: Isa | "auto";
  /** Where compiled kernels are kept for the next process; null: nowhere. Default: `vigil` in the user's folder for caches. */
  readonly cacheFolder?: string | null;
  /** Computes until a kernel is compiled; the device closes it. Default: the first run of a kernel waits for the compiler. */
  readonly meanwhile?: Device;
  /** For tests: wide vectors and tiles in plain C, so that every text runs on every machine with AVX2. */
  readonly emulate?: boolean;
}

const MAX_THREADS = 256;

/** Compilers at one time; each takes a processor and up to some hundred megabytes. */
const MAX_COMPILERS = 8;

/** What a device is made of, found but not yet put together. */
export interface NativeGround {
  readonly koffi: Koffi;
  readonly cpu: Cpu;
  readonly compiler: Compiler;
  readonly target: NativeTarget;
  readonly workshop: Workshop;
  /** What holds for all kernels, compiled: proof that the compiler works, and the peak loop. */
  readonly base: Library;
  readonly cache: { readonly folder: string; readonly problem: string | null };
}

const isaNames: { readonly [K in Isa]: string } = {
  avx2: "AVX2",
  avx512: "AVX-512",
  "avx512-bf16": "AVX-512 with bf16",
  amx: "AVX-512 with AMX",
};

export const isaText = ({ isa, emulate }: NativeTarget): string =>
  `${isaNames[isa]}${emulate === true ? ", emulated" : ""}`;

function checkPlatform({ platform, arch }: Machine): void {
  if (platform === "linux" && arch === "x64") return;
  const reason = `it is written for x86-64 processors on Linux, and this is ${arch} on ${platform}`;
  throw new UnsupportedError("native", reason, "open the device wasm");
}

function checkedThreads(threads: number | "auto", { parallelism }: Machine): number {
  if (threads === "auto") return Math.min(parallelism, MAX_THREADS);
  if (Number.isInteger(threads) && threads >= 1 && threads <= MAX_THREADS) return threads;
  const expected = `"auto" or an integer from 1 to ${MAX_THREADS}`;
  const remedy = 'pass "auto" for as many as the machine runs at once';
  throw rangeError({ name: "threads", expected, got: describe(threads), remedy });
}

/** A processor of any kind stands in for the one that is emulated. */
function isaOf(cpu: Cpu, compiler: Compiler, { isa = "auto", emulate }: NativeOptions): Isa {
  if (emulate !== true || isa === "auto") return chooseIsa(cpu, compiler, isa);
  chooseIsa(cpu, compiler, "avx2");
  return isa;
}

interface Base {
  readonly workshop: Workshop;
  readonly base: Library;
}

/** Compiles what all kernels share. @returns null where the system refuses the instruction set */
async function tryBase(parts: ConstructorParameters<typeof Workshop>[0]): Promise<Base | null> {
  const workshop = new Workshop(parts);
  try {
    const base = await workshop.load(emitPrelude(parts.target));
    if (base.init() === 0) return { workshop, base };
  } catch (error) {
    workshop.close();
    if (!(error instanceof CompilerRefusal)) throw error;
    const remedy =
      "install the headers of the C library (Debian: libc6-dev), or open the device wasm";
    throw new UnsupportedError("native", error.message, remedy);
  }
  workshop.close();
  return null;
}

/**
 * Finds everything that the target needs, and tries the compiler.
 *
 * @throws RangeError        an option is out of range
 * @throws UnsupportedError  something is missing; says what, and the remedy
 */
export async function findGround(machine: Machine, options: NativeOptions): Promise<NativeGround> {
  checkPlatform(machine);
  const cpu = parseCpuInfo(await machine.readCpuInfo());
  const compiler = await findCompiler(machine, options.compiler);
  const isa = isaOf(cpu, compiler, options);
  const koffi = await machine.loadKoffi();
  const { cacheFolder } = options;
  const cache =
    cacheFolder === null
      ? noDiskCache("switched off")
      : await openDiskCache({ name: "native", folder: cacheFolder });
  const target = { isa, ...(options.emulate === true ? { emulate: true } : {}) };
  const parts = { koffi, compiler, target, features: cpu.features, cache };
  const ground = { koffi, cpu, compiler, cache };
  const best = await tryBase(parts);
  if (best !== null) return { ...ground, target, ...best };
  const remedy = "leave isa out for what the system allows";
  if (options.isa !== undefined && options.isa !== "auto") {
    throw new UnsupportedError("native", `the system refuses ${isaText(target)}`, remedy);
  }
  // Tiles are the only instructions that have to be asked for.
  const lesser: NativeTarget = { ...target, isa: "avx512-bf16" };
  const next = await tryBase({ ...parts, target: lesser });
  if (next === null) throw new UnsupportedError("native", "the system refuses it", remedy);
  return { ...ground, target: lesser, ...next };
}

/**
 * Opens native kernels on this machine: C that its own compiler turns into a library when a kernel is first asked for.
 * Node on Linux, x86-64 with AVX2 at least; needs koffi, and gcc or clang.
 *
 * Cost: about 10 ms; the first time on a machine a few hundred, for the compiler. Each kernel 0.3 to 1.2 s, under 5 ms from the disk.
 *
 * @throws RangeError        an option is out of range
 * @throws UnsupportedError  the machine lacks something; says what, and the remedy
 */
export const openNative = async (options: NativeOptions = {}): Promise<Device> =>
  openNativeOn(thisMachine(), options);

/** The same where the machine is given: for tests of machines that this one is not. */
export async function openNativeOn(machine: Machine, options: NativeOptions): Promise<Device> {
  const threads = checkedThreads(options.threads ?? 1, machine);
  const { koffi, compiler, target, workshop } = await findGround(machine, options);
  const crew = `${threads} ${threads === 1 ? "thread" : "threads"}`;
  const device = new NativeDevice({
    name: `native (${isaText(target)}, ${compiler.family} ${compiler.version}, ${crew})`,
    ...{ koffi, target, workshop, threads },
    background: options.background ?? false,
    compilers: Math.min(machine.parallelism, MAX_COMPILERS),
  });
  return options.meanwhile === undefined ? device : new WarmingDevice(device, options.meanwhile);
}
