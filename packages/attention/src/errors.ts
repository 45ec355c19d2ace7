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
  readonly remedy?: string;
}

const sentence = ({ name, expected, got, remedy }: Mistake): string =>
  `${name}: expected ${expected}, got ${got}${remedy === undefined ? "" : `; ${remedy}`}`;

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
