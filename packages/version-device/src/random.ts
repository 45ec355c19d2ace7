/**
 * Random words: where stealth versions start, and the coin that redraws them (Toleo, section 4.2;
 * the paper's device reads them from its DRAM).
 */

/** Fills an array of at most 16,384 words with uniform random bits. Tests pass their own. */
export type RandomSource = (words: Uint32Array<ArrayBuffer>) => void;

/** The platform's cryptographic generator. */
const cryptographic: RandomSource = (words) => {
  crypto.getRandomValues(words);
};

/** One call for many words; the largest that `getRandomValues` takes is 65,536 bytes. */
const BUFFERED_WORDS = 4096;

/** Words of a source, drawn from it in batches; a word that was given out is wiped here. */
export class RandomWords {
  readonly #source: RandomSource;
  readonly #words: Uint32Array<ArrayBuffer> = new Uint32Array(BUFFERED_WORDS);
  #next: number = BUFFERED_WORDS;

  constructor(source: RandomSource = cryptographic) {
    this.#source = source;
  }

  /** A uniform integer below 2^32. Cost: a few nanoseconds. */
  next(): number {
    if (this.#next === BUFFERED_WORDS) {
      this.#source(this.#words);
      this.#next = 0;
    }
    const word = this.#words[this.#next] ?? 0;
    this.#words[this.#next++] = 0;
    return word;
  }

  /** Forgets what is buffered. */
  wipe(): void {
    this.#words.fill(0);
    this.#next = BUFFERED_WORDS;
  }
}
