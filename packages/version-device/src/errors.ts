/**
 * What can go wrong with a device, and the sentences it is said in. They say where, never what: no
 * version, no key and no secret is in a message or a field.
 */

/**
 * The parts of a message about a wrong argument; the remedy is an imperative without a full stop.
 */
interface Mistake {
  readonly name: string;
  readonly expected: string;
  readonly got: string;
  readonly remedy: string;
}

const sentence = ({ name, expected, got, remedy }: Mistake): string =>
  `${name}: expected ${expected}, got ${got}; ${remedy}`;

export const typeError = (mistake: Mistake): TypeError => new TypeError(sentence(mistake));

export const rangeError = (mistake: Mistake): RangeError => new RangeError(sentence(mistake));

/** Where in a batch a request stopped. */
export interface Place {
  /** Items of the batch before the refused one: they were done, and their results are valid. */
  readonly done: number;
  /** The page of the refused item. */
  readonly page: number;
}

/**
 * Nothing was changed by the item that was refused: a batch stops in front of it.
 * `done` items before it took effect.
 */
export class RefusedError extends Error {
  override readonly name: string = "RefusedError";
  readonly done: number;
  readonly page: number;

  constructor(what: string, { done, page }: Place) {
    super(`page ${page}: ${what} (${done} of the batch done)`);
    this.done = done;
    this.page = page;
  }
}

/**
 * The update needs trusted memory, and all is in use (Toleo, section 4.3). The line stays as it
 * was.
 */
export class DeviceFullError extends RefusedError {
  override readonly name: string = "DeviceFullError";
}

/** A reset of this page awaits its commit; until then its lines cannot be updated. */
export class ResetPendingError extends RefusedError {
  override readonly name: string = "ResetPendingError";
}

/** The connection to a device is gone, or the device has forgotten this session. */
export class DeviceLostError extends Error {
  override readonly name: string = "DeviceLostError";
}

/** The other side did not keep to the protocol: the connection is closed. */
export class ProtocolError extends Error {
  override readonly name: string = "ProtocolError";
}

/** Why an item of a batch is refused: the codes of the wire, and their errors. */
export const REFUSED = {
  full: 1,
  tooManyResets: 2,
  pending: 3,
  noSuchPage: 4,
  notPending: 5,
  upperBack: 6,
  notEmpty: 7,
} as const;

export type Refusal = (typeof REFUSED)[keyof typeof REFUSED];

const errors: Readonly<Record<Refusal, (place: Place) => Error>> = {
  [REFUSED.full]: (place) =>
    new DeviceFullError("the device is full; free pages, or reset and commit uneven ones", place),
  [REFUSED.tooManyResets]: (place) =>
    new DeviceFullError("too many resets await their commit; commit some", place),
  [REFUSED.pending]: (place) =>
    new ResetPendingError("a reset awaits its commit; seal the page anew and commit it", place),
  [REFUSED.noSuchPage]: ({ page }) =>
    rangeError({
      name: "page",
      expected: "one that the device has",
      got: String(page),
      remedy: "open a device with more pages",
    }),
  [REFUSED.notPending]: (place) =>
    new RefusedError("no reset awaits a commit; reset it first", place),
  [REFUSED.upperBack]: (place) =>
    new RefusedError("upper versions only move forward; give a later one", place),
  [REFUSED.notEmpty]: (place) =>
    new RefusedError("it holds data, so its upper version lies beside them; read it there", place),
};

export const isRefusal = (code: number): code is Refusal => Object.hasOwn(errors, code);

export const refusalError = (refusal: Refusal, place: Place): Error => errors[refusal](place);
