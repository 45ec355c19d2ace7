/** Comparisons of block masks, for tests. */
import { expect } from "vitest";
import { compileElement } from "../ir/evaluate.ts";
import type { BlockMask } from "./block-mask.ts";
import type { Attends } from "./dense.ts";
import type { BuildOptions } from "./options.ts";

/** Every field, to the last integer. */
export function expectSameMask(got: BlockMask, expected: BlockMask): void {
  const plain = (mask: BlockMask): object => ({
    ...mask,
    queryOffset: [...mask.queryOffset],
    kvLength: [...mask.kvLength],
    rowStart: [...mask.rowStart],
    runs: [...mask.runs],
    bits: mask.bits === null ? null : mask.bits.join(" "),
  });
  expect(plain(got)).toEqual(plain(expected));
}

/** The mask function itself, called element by element. */
export function attendsOf({ expression, captures }: BuildOptions): Attends {
  const element = compileElement(expression.root, captures);
  return (b, h, q, kv) => element(b, h, q, kv, 0) === true;
}
