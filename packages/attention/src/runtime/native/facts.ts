/** What the native target would use on this machine, each thing looked for by itself: for `vigil doctor`. */
import { openDiskCache } from "../shared/disk-cache.ts";
import { type Compiler, findCompiler } from "./compiler.ts";
import { chooseIsa, parseCpuInfo } from "./cpu.ts";
import { type Machine, node, thisMachine } from "./machine.ts";
import { isaText } from "./open.ts";

export interface NativeFact {
  readonly name: string;
  /** What it is for. */
  readonly purpose: string;
  readonly available: boolean;
  /** What was found, or why it is not there. */
  readonly detail: string;
}

type Look = (machine: Machine) => Promise<string>;

const commandOf = ({ command, banner }: Compiler): string => `${command.join(" ")}: ${banner}`;

async function instructions(machine: Machine): Promise<string> {
  const cpu = parseCpuInfo(await machine.readCpuInfo());
  const isa = chooseIsa(cpu, await findCompiler(machine), "auto");
  return `${isaText({ isa })}, ${cpu.model}`;
}

async function koffiVersion(machine: Machine): Promise<string> {
  const { version } = await machine.loadKoffi();
  return `${version} calls what was compiled`;
}

async function cacheFolder(): Promise<string> {
  const { folder, problem } = await openDiskCache({ name: "native" });
  if (problem !== null) throw new Error(`${folder} keeps nothing: ${problem}`);
  const { fs, path } = { fs: node.fs(), path: node.path() };
  const names = (await fs.readdir(folder)).filter((name) => name.endsWith(".so"));
  const sizes = names.map(async (name) => (await fs.stat(path.join(folder, name))).size);
  const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  return `${folder}: ${names.length} libraries, ${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

const looks: readonly (readonly [name: string, purpose: string, look: Look])[] = [
  [
    "C compiler",
    "native: compiles kernels",
    async (machine) => commandOf(await findCompiler(machine)),
  ],
  ["vector instructions", "native: what kernels are compiled to", instructions],
  ["koffi", "native: calls what was compiled", koffiVersion],
  ["kernel cache", "native: kernels of earlier processes", cacheFolder],
];

/** Looks at each; what cannot be found is a fact with its reason. Cost: some milliseconds. */
export async function nativeFacts(
  machine: Machine = thisMachine(),
): Promise<readonly NativeFact[]> {
  const facts: NativeFact[] = [];
  for (const [name, purpose, look] of looks) {
    try {
      facts.push({ name, purpose, available: true, detail: await look(machine) });
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      facts.push({ name, purpose, available: false, detail });
    }
  }
  return facts;
}
