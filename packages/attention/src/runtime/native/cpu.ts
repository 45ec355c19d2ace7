/** What the processor can do, and which instructions kernels are compiled to. */
import { describe, rangeError, UnsupportedError } from "../../errors.ts";
import { cpuFeatures, type Isa, isas } from "../../emit/native/abi.ts";
import type { Compiler } from "./compiler.ts";

export interface Cpu {
  readonly model: string;
  /** Features by the kernel's names, for example `avx512_bf16`. */
  readonly features: ReadonlySet<string>;
}

/** The first processor of /proc/cpuinfo; those of one machine are alike. */
export function parseCpuInfo(text: string): Cpu {
  const field = (name: string): string =>
    new RegExp(`^${name}\\s*:\\s*(.*)$`, "m").exec(text)?.[1]?.trim() ?? "";
  return {
    model: field("model name"),
    features: new Set(field("flags").split(/\s+/).filter(Boolean)),
  };
}

/** The oldest compilers that know an instruction set's intrinsics. */
const oldest: { readonly [K in Isa]: { readonly [F in Compiler["family"]]: number } } = {
  avx2: { gcc: 9, clang: 10 },
  avx512: { gcc: 9, clang: 10 },
  "avx512-bf16": { gcc: 10, clang: 10 },
  amx: { gcc: 11, clang: 12 },
};

/** Why kernels cannot be compiled to an instruction set here; null where they can. */
function obstacle(isa: Isa, { features }: Cpu, { family, version }: Compiler): string | null {
  const missing = cpuFeatures[isa].filter((feature) => !features.has(feature));
  if (missing.length > 0) return `this processor has no ${missing.join(", ")}`;
  const least = oldest[isa][family];
  if (Number.parseInt(version, 10) >= least) return null;
  return `${family} ${version} is older than ${least}, the first for ${isa}`;
}

/**
 * The best instruction set that processor and compiler have, or the one asked for.
 *
 * @throws RangeError        no instruction set of that name
 * @throws UnsupportedError  the one asked for is not there, or none is
 */
export function chooseIsa(cpu: Cpu, compiler: Compiler, asked: Isa | "auto"): Isa {
  if (asked !== "auto" && !isas.includes(asked)) {
    const expected = `"auto" or one of ${isas.join(", ")}`;
    const remedy = 'leave it out, or pass "auto"';
    throw rangeError({ name: "isa", expected, got: describe(asked), remedy });
  }
  const best = isas.findLast((isa) => obstacle(isa, cpu, compiler) === null);
  const isa = asked === "auto" ? best : asked;
  const reason = obstacle(isa ?? "avx2", cpu, compiler);
  if (isa !== undefined && reason === null) return isa;
  const remedy = best === undefined ? "open the device wasm" : `leave isa out: ${best} is there`;
  throw new UnsupportedError("native", reason ?? "no vector instructions", remedy);
}
