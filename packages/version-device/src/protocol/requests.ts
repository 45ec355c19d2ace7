/** What each request does to a device. */
import { ProtocolError } from "../errors.ts";
import type { Refusal } from "../errors.ts";
import { isUpper } from "../formats/geometry.ts";
import type { TripDevice } from "../trip-device.ts";
import type { Statistics } from "../version-device.ts";
import { encodeReply, OP } from "./frames.ts";
import type { Request } from "./frames.ts";

type Values = Uint32Array | Float64Array;

/** How many items were done, and their results. */
type Perform = (device: TripDevice, request: Request) => { done: number; values: Values };

const nothing = new Uint32Array(0);

const performs: Readonly<Record<number, Perform>> = {
  [OP.read]: (device, { items }) => {
    const values = new Uint32Array(items.length);
    return { done: device.read(items, values), values };
  },
  [OP.update]: (device, { items }) => {
    const values = new Uint32Array(items.length);
    return { done: device.update(items, values), values };
  },
  [OP.reset]: (device, { items }) => {
    const values = new Uint32Array(items.length);
    return { done: device.reset(items, values), values };
  },
  [OP.commit]: (device, { items }) => ({ done: device.commit(items), values: nothing }),
  [OP.free]: (device, { items, uppers }) => {
    if (!uppers.every(isUpper)) throw new ProtocolError("an upper version of more than 37 bits");
    return { done: device.free(items, uppers), values: nothing };
  },
  [OP.uppers]: (device, { items }) => {
    const values = new Float64Array(items.length);
    return { done: device.uppers(items, values), values };
  },
};

/**
 * The reply to a request, after it has taken effect.
 *
 * @throws ProtocolError  a request that does not exist: nothing has changed
 */
export function perform(device: TripDevice, request: Request): Uint8Array {
  const { op, sequence } = request;
  if (op === OP.statistics) {
    const values = statisticsValues(device.statistics());
    return encodeReply(op, { refusal: 0, done: values.length, sequence, values });
  }
  const row = performs[op];
  if (row === undefined) throw new ProtocolError(`there is no request ${op}`);
  const { done, values } = row(device, request);
  const refusal: Refusal | 0 = device.refusal;
  return encodeReply(op, { refusal, done, sequence, values: values.subarray(0, done) });
}

export function statisticsValues(statistics: Statistics): Float64Array {
  const { pages, bytes, events, pendingResets } = statistics;
  return Float64Array.of(
    ...[pages.empty, pages.flat, pages.uneven, pages.full],
    ...[bytes.entries, bytes.uneven, bytes.full, bytes.dynamicFree],
    ...[events.toUneven, events.toFull, events.normalised, events.coinResets],
    pendingResets,
  );
}

export function statisticsOf(values: Values): Statistics {
  const [empty = 0, flat = 0, uneven = 0, full = 0, ...more] = values;
  const [entries = 0, unevenBytes = 0, fullBytes = 0, dynamicFree = 0, ...rest] = more;
  const [toUneven = 0, toFull = 0, normalised = 0, coinResets = 0, pendingResets = 0] = rest;
  return {
    pages: { empty, flat, uneven, full },
    bytes: { entries, uneven: unevenBytes, full: fullBytes, dynamicFree },
    events: { toUneven, toFull, normalised, coinResets },
    pendingResets,
  };
}
