import { describe, expect, test } from "vitest";
import { conformanceCases } from "../../../testing/cases.ts";
import type { Case } from "../../../testing/cases.ts";
import { runCase } from "../../../testing/run-case.ts";
import { emulatorProblem, openEmulator } from "./test-emulated-device.ts";

const isFull = process.env["VIGIL_TEST"] === "full";

const scores = ({ B, Hkv, group, M, N }: Case): number => B * Hkv * group * M * N;

/** Cases of different kinds that the emulator is done with in a second or two. */
function some(count: number): Case[] {
  const small = conformanceCases("pairwise").filter(
    (one) => one.passes !== "chunks" && one.threads === 1 && scores(one) * (one.D + one.Dv) < 3e5,
  );
  const step = Math.max(Math.floor(small.length / count), 1);
  return small.filter((_, at) => at % step === 0).slice(0, count);
}

describe.skipIf(emulatorProblem !== null)(`kernels for sm_80${emulatorProblem ?? ""}`, () => {
  test.each(some(isFull ? Infinity : 6).map((one) => [one.name, one] as const))(
    "%s",
    async (_, one) => {
      await using device = openEmulator();
      expect(await runCase(device, one)).toEqual([]);
    },
    60_000,
  );
});
