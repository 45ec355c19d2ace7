/** What a mask makes of its comparisons: a straight line of operations on words, 32 scores at once. */
import type { Op } from "../ir/types.ts";

type Meaning = (a: number, b: number, c: number) => number;

const meanings: Partial<Record<Op, Meaning>> = {
  not: (a) => ~a,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  eq: (a, b) => ~(a ^ b),
  ne: (a, b) => a ^ b,
  select: (a, b, c) => (a & b) | (~a & c),
};

interface Step {
  readonly meaning: Meaning;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

/** Words by number: comparisons come first in no order, operations after their operands. */
export class Logic {
  readonly #steps: (Step | null)[] = [];

  /** The number of a new word that is set from outside. */
  input(): number {
    return this.#steps.push(null) - 1;
  }

  /** The number of a word that is the same for all scores. */
  constant(value: boolean): number {
    const word = value ? -1 : 0;
    return this.#steps.push({ meaning: () => word, a: 0, b: 0, c: 0 }) - 1;
  }

  /** The number of a word computed from others; null where no such operation is known. */
  step(op: Op, operands: readonly number[]): number | null {
    const meaning = meanings[op];
    const [a, b = a, c = a] = operands;
    if (meaning === undefined || a === undefined || b === undefined || c === undefined) return null;
    return this.#steps.push({ meaning, a, b, c }) - 1;
  }

  /** As a function of the inputs, in the order in which they were asked for. */
  compile(root: number): (inputs: Int32Array) => number {
    const steps = this.#steps.slice(0, root + 1);
    const words = new Int32Array(steps.length);
    return (inputs) => {
      let next = 0;
      for (let at = 0; at < steps.length; at++) {
        const step = steps[at];
        words[at] = step
          ? step.meaning(words[step.a] ?? 0, words[step.b] ?? 0, words[step.c] ?? 0)
          : (inputs[next++] ?? 0);
      }
      return words[root] ?? 0;
    };
  }
}
