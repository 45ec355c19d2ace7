/** Compiles emitted texts with nvcc, where there is one, and reads what ptxas says of them. No GPU is needed. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { traceMod } from "../../trace/trace-mod.ts";
import { needsBits } from "../../mask/needs-bits.ts";
import type { Expression } from "../../ir/types.ts";
import type { KernelSpec } from "../../runtime/device.ts";
import { gallery } from "../../variants/gallery.ts";
import type { CudaTarget } from "./abi.ts";

/** Why texts cannot be compiled here; null where they can. */
export const nvccProblem: string | null =
  spawnSync("nvcc", ["--version"]).status === 0 ? null : "no nvcc on this machine";

/** What one function takes of a multiprocessor. */
export interface Usage {
  readonly name: string;
  readonly registers: number;
  /** Bytes that go to memory because registers do not suffice. */
  readonly spills: number;
  readonly stack: number;
}

const ARCH: { readonly [K in CudaTarget["arch"]]: string } = {
  sm_90a: "arch=compute_90a,code=sm_90a",
  sm_80: "arch=compute_80,code=sm_80",
};

const numberIn = (text: string, pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? NaN);

/** @throws Error with the compiler's messages where the text is no program */
export function compileWithNvcc(text: string, arch: CudaTarget["arch"]): Usage[] {
  const folder = mkdtempSync(join(tmpdir(), "emitted-"));
  try {
    const [source, cubin] = [join(folder, "kernel.cu"), join(folder, "kernel.cubin")];
    writeFileSync(source, text);
    const flags = ["-std=c++17", `-gencode=${ARCH[arch]}`, "-cubin", "-Xptxas", "-v"];
    const { status, stderr } = spawnSync("nvcc", [...flags, "-o", cubin, source], {
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(stderr.slice(0, 4000));
    return stderr
      .split(/Compiling entry function/)
      .slice(1)
      .map((said) => ({
        name: /'(\w+)'/.exec(said)?.[1] ?? "",
        registers: numberIn(said, /Used (\d+) registers/),
        spills: numberIn(said, /(\d+) bytes spill stores/),
        stack: numberIn(said, /(\d+) bytes stack frame/),
      }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A variant of the gallery as a spec, with captured values drawn from `seed`; null: none at all. */
export function specOf(
  variant: string | null,
  rest: Pick<KernelSpec, "schedule" | "D" | "Dv" | "dtype">,
  seed = 1,
): KernelSpec {
  const entry = gallery.find(({ name }) => name === variant);
  const lengths = { B: 1, Hq: 4, Hkv: 2, M: 128, N: 128 };
  const { score, mask } = entry?.make(lengths, seed) ?? {};
  const traced = (mod: Parameters<typeof traceMod>[0] | undefined): Expression | null =>
    mod === undefined ? null : traceMod(mod).expression;
  const masked = mask === undefined ? null : traced(mask);
  const maskBits = masked !== null && needsBits(masked);
  return {
    ...rest,
    score: score === undefined ? null : traced(score),
    mask: maskBits ? null : masked,
    maskBits,
  };
}
