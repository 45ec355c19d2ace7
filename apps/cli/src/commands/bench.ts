import { mkdir, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { attentionBench } from "../bench/attention.ts";
import type { Bench } from "../bench/bench.ts";
import { compileBench } from "../bench/compile.ts";
import { decodeBench } from "../bench/cuda/decode.ts";
import { maskBench } from "../bench/mask.ts";
import { peersBench } from "../bench/peers.ts";
import { versionsBench } from "../bench/versions.ts";
import { closest } from "../closest.ts";
import { defineCommand, exitCodes } from "../command.ts";
import type { Command } from "../command.ts";
import { deviceOptions, openOptions } from "../device-options.ts";
import { describeMachine, machineLine, repositoryRoot } from "../measure/machine.ts";
import { choice, flag, integer, text } from "../options.ts";
import { UsageError } from "../usage-error.ts";

const benches: Readonly<Record<string, Bench>> = {
  attention: attentionBench,
  decode: decodeBench,
  mask: maskBench,
  compile: compileBench,
  peers: peersBench,
  versions: versionsBench,
};

const names = Object.keys(benches);

const { revectorize, compiler, isa, gpu, exact, nvrtc } = deviceOptions;

function findBench(name: string): Bench {
  const bench = Object.hasOwn(benches, name) ? benches[name] : undefined;
  if (bench !== undefined) return bench;
  const near = closest(name, names);
  throw new UsageError({
    name: "<what>",
    expected: `one of ${names.join(", ")}`,
    got: JSON.stringify(name),
    remedy: near === null ? "choose one of them" : `did you mean ${near}`,
  });
}

/** `bench/results/<date>-<name>.json` in the repository; figures belong beside the code that they measured. */
async function save(name: string, result: object): Promise<string> {
  const folder = join(repositoryRoot, "bench", "results");
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${new Date().toISOString().slice(0, 10)}-${name}.json`);
  await writeFile(path, `${JSON.stringify(result, null, 2)}\n`);
  return relative(process.cwd(), path);
}

export const bench: Command = defineCommand({
  name: "bench",
  summary: "measure attention, decode, mask, compile or peers",
  description: [
    "Measures one of these, each result checked before it is timed, everything that is compared taking turns in one run:",
    ...Object.entries(benches).map(([name, { summary }]) => `  ${name}: ${summary}`),
    "Stolen time is the share of processor time that the host gave to others meanwhile: above 2 %, measure again.",
  ],
  positionals: [{ name: "what", help: `one of ${names.join(", ")}`, required: true }],
  options: {
    device: choice("where to run", ["auto", "cuda", "native", "wasm"], "wasm"),
    revectorize,
    compiler,
    isa,
    gpu,
    exact,
    nvrtc,
    dtype: choice(
      "storage type; by default those that suit the target",
      ["f32", "f16", "bf16"],
      null,
    ),
    rounds: integer(
      "how often each is timed; by default what suits it",
      { min: 1, max: 10_000 },
      null,
    ),
    only: text("only rows whose variant, shape and threads contain this", "text", null),
    shapes: text("cuda: lengths, parted by spaces", "B=4,Hq=16,M=4096,D=128 ...", null),
    save: flag("keep the result in bench/results/<date>-<what>.json"),
    peers: text("peers: which, by name; by default those that suit the target", "a,b", null),
    "no-install": flag("peers: do not install them"),
  },
  examples: [
    "vigil bench attention --device wasm --json",
    'vigil bench attention --only "causal B1 Hq8 Hkv8 M1024"',
    "vigil bench attention --device cuda --save",
    "vigil bench peers --save",
  ],
  async run({ options: given, positionals: [what = ""] }, terminal) {
    const machine = describeMachine();
    terminal.progress(machineLine(machine));
    const { rows, more, correct, chosen } = await findBench(what).run(
      {
        device: given.device,
        open: openOptions(given),
        dtype: given.dtype,
        rounds: given.rounds,
        only: given.only,
        shapes: given.shapes,
        mayInstall: !given["no-install"],
        peers: given.peers?.split(",") ?? null,
      },
      terminal,
    );
    if (!(chosen ?? (rows.length > 0 || !correct))) {
      throw new UsageError({
        name: "--only",
        expected: "a part of a row's variant, shape and threads",
        got: JSON.stringify(given.only),
        remedy: "leave it out, or write for example --only causal",
      });
    }
    const date = new Date().toISOString();
    const result = { machine, command: terminal.command, date, ...more, rows };
    if (given.save) terminal.print(`saved ${await save(what, result)}`);
    terminal.result(result);
    return correct ? exitCodes.ok : exitCodes.failed;
  },
});
