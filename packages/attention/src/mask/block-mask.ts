/**
 * A block mask: for each row of blocks, the runs of keys to visit.
 *
 * The M x N scores of one (batch, head) are cut into blocks of `blockQ` queries by `blockKv` keys.
 * Each block is *empty* (nothing attends: not listed), *full* (everything attends: the mask need
 * not be evaluated) or *partial*. Neighbouring blocks of one kind form a run, so causal at a
 * million tokens is thousands of numbers. A block that the lengths cut short is judged by what is
 * left of it.
 *
 * Runs are `RUN_STRIDE` integers each, sorted by key within their row, never overlapping:
 * `[kvStart, kvEnd, kind, bits]`: keys from kvStart up to but not including kvEnd. kvStart is a
 * multiple of blockKv; kvEnd is one too, except that it never passes kvLength. `bits` is the number
 * of the run's first block in `bits` (its other blocks follow), or -1 where partial blocks are
 * decided by the mask function.
 */
export const RUN_STRIDE = 4;

/** Where each number of a run lies. */
export const RUN = { start: 0, end: 1, kind: 2, bits: 3 } as const;

export const FULL = 0;
export const PARTIAL = 1;

export interface BlockMask {
  /** 1 where the mask, the offsets and the lengths are the same for every batch element, else B. */
  readonly B: number;
  /** 1 where the mask is the same for every head, else Hq. */
  readonly H: number;
  /** Query length that it was built for. */
  readonly M: number;
  /** Key length that it was built for. */
  readonly N: number;
  readonly blockQ: number;
  readonly blockKv: number;
  /** Rows of blocks for one (batch, head): ceil(M / blockQ). */
  readonly rows: number;
  /** [B of this mask]: what it was built for. */
  readonly queryOffset: Int32Array;
  readonly kvLength: Int32Array;
  /**
   * Row r of (b, h) owns runs `rowStart[i]` up to `rowStart[i + 1]`, i = (b * H + h) * rows + r.
   */
  readonly rowStart: Int32Array;
  readonly runs: Int32Array;
  /**
   * For masks that compare non-integers, decided once: `wordsPerBlock` words per partial block,
   * row-major: the bit of (row, k) is number i = row * blockKv + k, bit (i % 32) of word floor(i /
   * 32), set where the key attends and exists. Null for every other mask.
   */
  readonly bits: Uint32Array | null;
}

/** Words of `BlockMask.bits` that one partial block takes. */
export const wordsPerBlock = (blockQ: number, blockKv: number): number =>
  Math.ceil((blockQ * blockKv) / 32);
