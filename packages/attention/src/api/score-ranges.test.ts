/** A score function whose integers leave 32 bits, or divide by zero, at the lengths of a call. */
import { expect, test } from "vitest";
import { Tensor } from "../tensor.ts";
import { attention } from "./attention.ts";
import { compile } from "./compile.ts";
import { scoreMod } from "./mods.ts";

const D = 4;
const tensor = (M: number): Tensor => new Tensor(new Float32Array(M * D), [1, 1, M, D]);
const [query, key] = [tensor(3), tensor(5)];

test.each([
  ["overflows", scoreMod((score, { q }) => score + q * q), { queryOffset: 46_339 }, /q \* q/],
  [
    "divides by zero",
    scoreMod((score, { q, kv }) => score + (kv % (q - 7))),
    { queryOffset: 5 },
    /%/,
  ],
] as const)(
  "a score that %s is refused, and computed where it does not",
  async (_, score, far, message) => {
    const kernel = await compile({ score, D, device: "reference" });
    const ways = [
      (options: { queryOffset?: number }) =>
        attention(query, key, key, { score, device: "reference", ...options }),
      (options: { queryOffset?: number }) => kernel.run(query, key, key, options),
    ];
    for (const compute of ways) {
      const refused = await compute(far).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(RangeError);
      expect(String(refused)).toMatch(message);
      await expect(compute({})).resolves.toMatchObject({ shape: [1, 1, 3, D] });
    }
  },
);
