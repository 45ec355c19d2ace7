/**
 * The kinds of error and the sentence they speak.
 *
 * - A caller's mistake is a `TypeError` (wrong kind of thing) or a `RangeError` (right kind, wrong value).
 * - `TraceError` is a caller's mistake inside a score or mask function; it carries the line and a caret.
 * - `UnsupportedError` is something correct that this device or target cannot do.
 * - A broken assumption of ours says "internal: ...; please report this".
 */

/** The parts of a message about a wrong argument; the remedy is an imperative without a full stop. */
export interface Mistake {
  readonly name: string;
  readonly expected: string;
  readonly got: string;
  readonly remedy: string;
}

const sentence = ({ name, expected, got, remedy }: Mistake): string =>
  `${name}: expected ${expected}, got ${got}; ${remedy}`;

export const typeError = (mistake: Mistake): TypeError => new TypeError(sentence(mistake));

export const rangeError = (mistake: Mistake): RangeError => new RangeError(sentence(mistake));

/** An assumption of ours that does not hold; never the caller's mistake. */
export const internalError = (what: string): Error =>
  new Error(`internal: ${what}; please report this`);

/**
 * A correct request that this target, device or machine cannot serve. Says why, and what can.
 * `target` names the refusing target, `reason` the missing capability.
 */
export class UnsupportedError extends Error {
  override readonly name: string = "UnsupportedError";
  readonly target: string;
  readonly reason: string;

  constructor(target: string, reason: string, remedy?: string) {
    super(`${target}: ${reason}${remedy === undefined ? "" : `; ${remedy}`}`);
    this.target = target;
    this.reason = reason;
  }
}

/** A value in an error message: short, typed, and never the contents of a tensor. */
export function describe(value: unknown): string {
  if (value === null || value === undefined || typeof value === "number") return String(value);
  if (typeof value === "string") return JSON.stringify(value.slice(0, 80));
  if (typeof value === "function") return "a function";
  if (typeof value !== "object") return `${typeof value} ${String(value)}`;
  if (ArrayBuffer.isView(value)) return `${value.constructor.name} of ${value.byteLength} bytes`;
  if (Array.isArray(value)) return `[${value.slice(0, 8).map(describe).join(", ")}]`;
  const name = value.constructor?.name ?? "object";
  return `${/^[aeiou]/i.test(name) ? "an" : "a"} ${name}`;
}

/** Letters to insert, delete, replace, or swap with their neighbour, to make one name of the other. */
function distance(a: string, b: string): number {
  let before: readonly number[] = [];
  let last: readonly number[] = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const line = [row];
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1];
      const isSwapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      const insert = (line[column - 1] ?? 0) + 1;
      const remove = (last[column] ?? 0) + 1;
      const replace = (last[column - 1] ?? 0) + (isSame ? 0 : 1);
      const swap = isSwapped ? (before[column - 2] ?? 0) + 1 : Infinity;
      line.push(Math.min(insert, remove, replace, swap));
    }
    [before, last] = [last, line];
  }
  return last[b.length] ?? 0;
}

/** The known name that is most like `name`, whatever its case; null where none is much like it. */
export function nearestName(name: unknown, known: readonly string[]): string | null {
  if (typeof name !== "string") return null;
  const steps = known.map((other) => distance(name.toLowerCase(), other.toLowerCase()));
  const least = Math.min(...steps);
  const isAlike = least <= Math.max(1, Math.floor(name.length / 2)) && least < name.length;
  return isAlike ? (known[steps.indexOf(least)] ?? null) : null;
}

/**
 * Refuses options that nobody reads, so that a misspelt one never means its default.
 *
 * @throws TypeError  not an object, or an object with a name that is not known
 */
export function checkNames(options: unknown, known: readonly string[]): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    const remedy = `write { ${known[0]}: ... }, or leave them out`;
    throw typeError({ name: "options", expected: "an object", got: describe(options), remedy });
  }
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const meant = nearestName(unknown, known);
  throw typeError({
    name: "options",
    expected: `names among ${known.join(", ")}`,
    got: describe(unknown),
    remedy: meant === null ? "leave it out" : `write ${meant}`,
  });
}
