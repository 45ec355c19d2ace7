/** Which of the schedules suits a shape. */
import type { KernelSpec, Shape } from "../runtime/device.ts";

/**
 * Most rows (queries times query heads per key head) that the decode schedule takes. Beyond it the forward
 * schedule fills its lanes, and reads each key for more rows at a time than decode can keep in registers.
 */
export const DECODE_ROWS = 16;

/**
 * `decode` for a few rows per key head, else `forward`. Only M and Hq / Hkv count: neither the batch nor the number of
 * keys, so that a sequence alone takes the same schedule (and gets the same bits) as in a batch of longer ones.
 */
export function chooseSchedule({ M, Hq, Hkv }: Shape): KernelSpec["schedule"] {
  return M * (Hq / Hkv) <= DECODE_ROWS ? "decode" : "forward";
}
