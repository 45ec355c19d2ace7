/** What to draw of a block mask, and what to write beside it. */
import { rangeError, typeError, describe } from "../errors.ts";
import type { BlockMask } from "./block-mask.ts";
import { sliceBlockMask } from "./slice.ts";
import { sparsity } from "./stats.ts";

export interface DrawOptions {
  /**
   * Which batch element and query head. Default 0; any number where the mask is the same for all.
   */
  readonly b?: number;
  readonly h?: number;
  /** Default: none. */
  readonly title?: string;
  /**
   * The most cells along each axis; a cell holds several blocks where the mask has more. Default
   * 32, for SVG 128.
   */
  readonly cells?: number;
}

export interface Drawing {
  /** The batch element and head to draw, alone. */
  readonly head: BlockMask;
  readonly title: string;
  /** Two lines: the lengths; what is drawn, and how much is skipped. */
  readonly caption: readonly [string, string];
  readonly cells: number;
}

/** A number for people: 1,048,576. */
export const count = (value: number): string => value.toLocaleString("en-US");

/**
 * @throws TypeError or RangeError with the name of the wrong option, what was expected, and what
 *                   came.
 */
export function checkedDrawing(
  mask: BlockMask,
  options: DrawOptions,
  defaultCells: number,
): Drawing {
  const { b = 0, h = 0, title = "", cells = defaultCells } = options;
  if (typeof title !== "string") {
    const remedy = "leave it out for none";
    throw typeError({ name: "title", expected: "a string", got: describe(title), remedy });
  }
  if (!Number.isInteger(cells) || cells < 1 || cells > 4096) {
    const expected = "an integer from 1 to 4096";
    const remedy = `leave it out for ${defaultCells}`;
    throw rangeError({ name: "cells", expected, got: describe(cells), remedy });
  }
  const head = sliceBlockMask(mask, { b, h });
  return { head, title, caption: captionOf(mask, head, { b, h }), cells };
}

/** For example `1,024 queries x 1,024 keys` and `blocks of 128 x 128, 43.8 % skipped`. */
function captionOf(
  { B, H, blockQ, blockKv }: BlockMask,
  head: BlockMask,
  { b, h }: { readonly b: number; readonly h: number },
): readonly [string, string] {
  const parts = [
    `blocks of ${blockQ} x ${blockKv}`,
    ...(B > 1 ? [`batch element ${b}`] : []),
    ...(H > 1 ? [`head ${h}`] : []),
    `${(sparsity(head) * 100).toFixed(1)} % skipped`,
  ];
  const queries = head.M === 1 ? "1 query" : `${count(head.M)} queries`;
  const keys = head.N === 1 ? "1 key" : `${count(head.N)} keys`;
  return [`${queries} x ${keys}`, parts.join(", ")];
}
