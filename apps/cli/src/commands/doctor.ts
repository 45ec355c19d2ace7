import { attention, openDevice, Tensor } from "@vigil/attention";
import { cudaFacts, nativeFacts } from "@vigil/attention/testing";
import { defineCommand, exitCodes } from "../command.ts";
import type { Command } from "../command.ts";
import { laterTargets } from "../device-options.ts";
import { checks } from "../doctor/checks.ts";
import type { Finding } from "../doctor/checks.ts";
import { describeMachine, machineLine } from "../measure/machine.ts";
import { formatTable } from "../terminal/table.ts";

interface TargetFinding extends Finding {
  readonly target: string;
}

interface FeatureFinding extends Finding {
  readonly name: string;
  readonly purpose: string;
}

const present = ["cuda", "native", "wasm", "reference"] as const;

/** A kernel that is compiled, run, and right: the only proof that a target works. */
async function tryTarget(name: (typeof present)[number]): Promise<Finding> {
  try {
    await using device = await openDevice(name);
    const ones = new Tensor(new Float32Array(4 * 8).fill(1), [1, 1, 4, 8]);
    const { data } = await attention(ones, ones, ones, { device, mask: ({ q, kv }) => q >= kv });
    const right = [...data].every((element) => Math.abs(element - 1) < 1e-6);
    return {
      available: right,
      detail: right ? device.name : `${device.name} gives a wrong result`,
    };
  } catch (error) {
    return { available: false, detail: error instanceof Error ? error.message : String(error) };
  }
}

async function findTargets(): Promise<readonly TargetFinding[]> {
  const found = await Promise.all(
    present.map(async (target) => ({ target, ...(await tryTarget(target)) })),
  );
  const later = Object.entries(laterTargets).map(([target, detail]) => ({
    target,
    available: false,
    detail,
  }));
  return [...found, ...later];
}

export const doctor: Command = defineCommand({
  name: "doctor",
  summary: "say what this machine can run, and why not the rest",
  description: [
    "Runs a small kernel on each target, looks for what the targets and the tests need, and says what is missing and what for. Changes nothing but the cache of compiled kernels.",
  ],
  positionals: [],
  options: {},
  examples: ["vigil doctor", "vigil doctor --json"],
  async run(_, terminal) {
    const machine = describeMachine();
    const targets = await findTargets();
    const features: FeatureFinding[] = [];
    for (const { name, purpose, look } of checks) {
      features.push({ name, purpose, ...(await look()) });
    }
    features.push(...(await nativeFacts()), ...(await cudaFacts()));
    const mark = (available: boolean): string => (available ? "yes" : "no");
    terminal.print(
      [
        machineLine(machine),
        "",
        formatTable(
          [
            { title: "target", cell: (row: TargetFinding) => row.target },
            { title: "runs", cell: (row) => mark(row.available) },
            { title: "", cell: (row) => row.detail },
          ],
          targets,
        ),
        "",
        formatTable(
          [
            { title: "feature", cell: (row: FeatureFinding) => row.name },
            { title: "here", cell: (row) => mark(row.available) },
            { title: "found", cell: (row) => row.detail },
            { title: "what for", cell: (row) => row.purpose },
          ],
          features,
        ),
      ].join("\n"),
    );
    terminal.result({ machine, targets, features });
    return targets.some(({ target, available }) => target === "wasm" && available)
      ? exitCodes.ok
      : exitCodes.failed;
  },
});
