/** Boxes of positions, side by side in typed arrays, with a verdict on each. */

const FIRST_CAPACITY = 1024;

/**
 * Inclusive ranges of absolute positions: integers, held as doubles because intervals compute in
 * doubles.
 */
export class BoxList {
  length = 0;
  q0: Float64Array = new Float64Array(FIRST_CAPACITY);
  q1: Float64Array = new Float64Array(FIRST_CAPACITY);
  kv0: Float64Array = new Float64Array(FIRST_CAPACITY);
  kv1: Float64Array = new Float64Array(FIRST_CAPACITY);
  /** NEVER, ALWAYS or MAYBE for each box, once they have been decided. */
  verdict: Uint8Array = new Uint8Array(FIRST_CAPACITY);

  push(q0: number, q1: number, kv0: number, kv1: number): void {
    const at = this.length;
    if (at === this.q0.length) this.#grow();
    this.q0[at] = q0;
    this.q1[at] = q1;
    this.kv0[at] = kv0;
    this.kv1[at] = kv1;
    this.length = at + 1;
  }

  /** Cuts the keys `kvStart` up to `kvEnd` every `width` keys: a row of boxes. */
  pushRow(q0: number, q1: number, kvStart: number, kvEnd: number, width: number): void {
    let at = this.length;
    const end = at + Math.ceil((kvEnd - kvStart) / width);
    while (end > this.q0.length) this.#grow();
    const { q0: first, q1: last, kv0, kv1 } = this;
    for (let kv = kvStart; at < end; at++, kv += width) {
      first[at] = q0;
      last[at] = q1;
      kv0[at] = kv;
      kv1[at] = kv + width - 1;
    }
    if (at > this.length) kv1[at - 1] = kvEnd - 1;
    this.length = at;
  }

  /** The numbers of the boxes with this verdict. */
  numbersOf(verdict: number): Int32Array {
    const numbers = new Int32Array(this.length);
    let count = 0;
    for (let at = 0; at < this.length; at++)
      if (this.verdict[at] === verdict) numbers[count++] = at;
    return numbers.subarray(0, count);
  }

  #grow(): void {
    const longer = (old: Float64Array): Float64Array => {
      const array = new Float64Array(old.length * 2);
      array.set(old);
      return array;
    };
    this.q0 = longer(this.q0);
    this.q1 = longer(this.q1);
    this.kv0 = longer(this.kv0);
    this.kv1 = longer(this.kv1);
    this.verdict = new Uint8Array(this.q0.length);
  }
}
