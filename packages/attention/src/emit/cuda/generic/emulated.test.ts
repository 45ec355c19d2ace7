import { describe, expect, test } from "vitest";
import { conformanceCases } from "../../../testing/cases.ts";
import type { Case } from "../../../testing/cases.ts";
import { runCase } from "../../../testing/run-case.ts";
import { emulatorProblem, openEmulator } from "./test-emulated-device.ts";

const isFull = process.env["VIGIL_TEST"] === "full";

const scores = ({ B, Hkv, group, M, N }: Case): number => B * Hkv * group * M * N;

/** Cases that the emulator is done with in a second or two. */
const small: readonly Case[] = conformanceCases("pairwise").filter(
  (one) => one.passes !== "chunks" && one.threads === 1 && scores(one) * (one.D + one.Dv) < 3e5,
);

/** One of each template and kind of product. */
const few: readonly Case[] = (["forward", "decode"] as const).flatMap((passes) =>
  (["bf16", "f32"] as const).flatMap(
    (dtype) =>
      small.find((one) => one.passes === passes && one.dtype === dtype && one.variant !== "noop") ??
      [],
  ),
);

/** Logits near 80 from large heads: what tensor cores cut off of long sums would show in lse and max. */
const longSums: readonly Case[] = conformanceCases("pairwise").filter(
  (one) =>
    one.dtype !== "f32" &&
    one.D >= 128 &&
    one.numbers === "extreme" &&
    one.passes !== "chunks" &&
    scores(one) * (one.D + one.Dv) < (isFull ? 5e6 : 1e5),
);

describe.skipIf(emulatorProblem !== null)(`kernels for sm_80${emulatorProblem ?? ""}`, () => {
  test.each([...(isFull ? small : few), ...longSums].map((one) => [one.name, one] as const))(
    "%s",
    async (_, one) => {
      await using device = openEmulator();
      expect(await runCase(device, one)).toEqual([]);
    },
    60_000,
  );
});
