/** Which of the schedules suits a shape. */
import type { KernelSpec, Shape } from "../runtime/device.ts";

/**
 * Most queries that the decode schedule takes. Its cost follows the rows; forward pays for whole panels of 8 queries of one
 * head. Measured on WebAssembly, N = 1024 and 2048, D = 64 and 128, 1, 4 and 8 query heads per key head: decode is
 * 1.0 to 1.4 times faster at 6 queries, 0.8 to 1.0 times at 7, and the number of heads does not move that.
 */
export const DECODE_QUERIES = 6;

/**
 * `decode` for a few queries, else `forward`. Only M counts: neither the batch nor the number of keys, so that a
 * sequence alone takes the same schedule (and gets the same bits) as in a batch of longer ones.
 */
export function chooseSchedule({ M }: Shape): KernelSpec["schedule"] {
  return M <= DECODE_QUERIES ? "decode" : "forward";
}
