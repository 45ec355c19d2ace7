/**
 * What a host asks of a version device, wherever it is: in this process, in a worker, or behind
 * TLS.
 *
 * A **line number** is page * 64 + line; a **stealth version** has 27 bits; an **upper version** is
 * an integer below 2^37. Batches are typed arrays, and not to be changed until the call has
 * settled: results are written into the caller's arrays, in the order of the items.
 *
 * Every request takes effect once. A batch is worked through in order; where an item is refused it
 * stops (`RefusedError`), the items before it are done, nothing else has changed. Operations on one
 * page are the caller's to serialise.
 */

/**
 * Beside a stealth version, in what `read` gives: a reset of the page awaits its commit; this is
 * the old version.
 */
export const PENDING_FLAG: number = 1 << 28;

/** In what `read` gives: the page holds no data, and the other bits are zero. */
export const EMPTY_FLAG: number = 1 << 29;

/**
 * Beside a stealth version, in what `update` gives: the page has to be sealed anew; this is its
 * base.
 */
export const RESET_FLAG: number = 1 << 30;

/** What a device is made of. */
export interface Capacity {
  /** Pages of 64 lines, 1 to 2^26. Each takes 12 bytes of trusted memory, used or not. */
  readonly pages: number;
  /** Trusted bytes for uneven pages (56 each) and full ones (216 each), 0 to 2^32. */
  readonly dynamicBytes: number;
  /** Resets that may await their commit, of pages with data. */
  readonly pendingResets: number;
}

/** Counts since the device was opened, and bytes of trusted memory by format. */
export interface Statistics {
  /** Pages by format; together all pages of the device. */
  readonly pages: Readonly<Record<"empty" | "flat" | "uneven" | "full", number>>;
  /** Trusted bytes: the static entries, and the blocks in use of each kind. */
  readonly bytes: Readonly<Record<"entries" | "uneven" | "full" | "dynamicFree", number>>;
  /** Resets that await their commit. */
  readonly pendingResets: number;
  /** How often: upgrades, normalisations, and resets by the coin. */
  readonly events: Readonly<Record<"toUneven" | "toFull" | "normalised" | "coinResets", number>>;
}

export interface VersionDevice extends AsyncDisposable {
  readonly capacity: Capacity;

  /**
   * The stealth version of each line (Toleo, section 5: READ), with `PENDING_FLAG` where a reset
   * awaits its commit, or `EMPTY_FLAG` alone: such a page reads as zeros.
   *
   * @throws RangeError  a page that the device does not have
   */
  read(lines: Uint32Array, versions: Uint32Array): Promise<void>;

  /**
   * Adds one to the version of each line, and gives the new ones (Toleo, section 5: UPDATE).
   * Returns how many lines were done: it stops after a line whose page has to be sealed anew, which
   * is the last one done and has `RESET_FLAG`; call again with the rest after its commit. That
   * happens to one leading increment in 2^20, and to each on a page without data.
   *
   * With the flag, the version is the base of the page to come: all 64 lines are to be sealed under
   * it and the next upper version (a page without data: under the upper version that `uppers`
   * gives), and the page committed.
   *
   * @throws DeviceFullError    it needs memory, and none is free: the line stays as it was
   * @throws ResetPendingError  a reset of the page awaits its commit
   * @throws RangeError         a page that the device does not have
   */
  update(lines: Uint32Array, versions: Uint32Array): Promise<number>;

  /**
   * Draws a new base for each page, to be sealed under it like after `RESET_FLAG` (Toleo, section
   * 5: RESET). Reads give the old versions until the commit, so nothing is lost where a seal or a
   * reply is. A page whose reset awaits its commit already gives the same base again: what was
   * sealed under it is to be written again, not sealed anew.
   *
   * @throws DeviceFullError  too many resets await their commit
   * @throws RangeError       a page that the device does not have
   */
  reset(pages: Uint32Array, bases: Uint32Array): Promise<void>;

  /**
   * The pages have been sealed anew and stored: forgets their old versions. Each is flat from here
   * on.
   *
   * @throws RefusedError  no reset of the page awaits a commit
   * @throws RangeError    a page that the device does not have
   */
  commit(pages: Uint32Array): Promise<void>;

  /**
   * The pages' data are gone, and reads give zeros. `uppers` are what their next data will be
   * sealed under, later than any that they have been sealed under; the device keeps them, so that
   * nobody can roll them back.
   *
   * @throws RefusedError  an upper version before the one that an empty page has
   * @throws RangeError    a page that the device does not have, or an upper version that is no
   *   integer below 2^37
   */
  free(pages: Uint32Array, uppers: Float64Array): Promise<void>;

  /**
   * The upper versions of empty pages, as `free` gave them; 0 for a page that never held data.
   *
   * @throws RefusedError  the page holds data
   * @throws RangeError    a page that the device does not have
   */
  uppers(pages: Uint32Array, uppers: Float64Array): Promise<void>;

  statistics(): Promise<Statistics>;

  /**
   * Ends the use of the device; one in this process or a worker is wiped. Later calls are refused.
   */
  close(): Promise<void>;
}
