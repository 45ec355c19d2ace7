/** Names of JavaScript that have no meaning in a kernel, by where they stand: what to write instead. */

type Remedies = ReadonlyMap<string, string>;

const remedies = (rows: Readonly<Record<string, string>>): Remedies =>
  new Map(Object.entries(rows));

const itself = "Write the number itself: `x`.";
const truncated = "Write `Math.trunc(x)`.";
const outside = "Compute it outside, and capture the numbers that it gives.";
const loop = "Write a loop: `for (const x of list) sum += x`.";
const comparisons = "Write one comparison for each element: `x === 1 || x === 2`.";

/** Globals, called or read. */
export const insteadOfGlobal: Remedies = remedies({
  parseInt: truncated,
  parseFloat: itself,
  BigInt: "Write the number itself: integers are exact to 32 bits.",
  String: "Use the number itself: strings have no meaning in a kernel.",
  Array: outside,
  Object: outside,
  JSON: outside,
  Date: outside,
  Symbol: outside,
  process: outside,
  globalThis: outside,
  console: "Leave it out; to look inside, call the function as plain JavaScript.",
});

/** Properties of `Number`. */
export const insteadOfNumber: Remedies = remedies({
  parseInt: truncated,
  parseFloat: itself,
  isSafeInteger: "Write `Number.isInteger(x)`.",
});

/** Properties of `Math`. */
export const insteadOfMath: Remedies = remedies({
  random: "Capture a table of random numbers, and index that.",
  sumPrecise: "Write `a + b`.",
});

/** Methods of an array that is written in the function, or of a constant. */
export const insteadOfArray: Remedies = remedies({
  includes: comparisons,
  indexOf: "Write `x === 1 ? 0 : x === 2 ? 1 : -1`.",
  some: "Write `test(a) || test(b)`, one call for each element.",
  every: "Write `test(a) && test(b)`, one call for each element.",
  at: "Write `list[i]`, and `list[list.length - 1]` for the last.",
  join: "Use numbers: strings have no meaning in a kernel.",
  map: loop,
  filter: loop,
  forEach: loop,
  reduce: loop,
  find: loop,
});

/** Methods of a number. */
export const insteadOfMethod: Remedies = remedies({
  toFixed: "Write `Math.round(x * 100) / 100`.",
  toPrecision: itself,
  toString: itself,
  valueOf: itself,
});
