/**
 * What travels between a host and a device that is elsewhere: little-endian frames, one request and
 * one reply each.
 *
 * ```text
 * hello     u32 magic | u8 protocol | u8 1 = a new session | u16 0 | 16 bytes session | u64 first
 * welcome   u32 magic | u8 protocol | u8 1 = accepted | u16 0
 *           | u32 pages | u32 pendingResets | f64 dynamicBytes
 * request   u8 op | 3 bytes 0 | u32 count | u64 sequence | u64 kept
 *           | count x u32 items | free: count x f64 uppers
 * reply     u8 refusal | 3 bytes 0 | u32 done | u64 sequence | values: u32 or f64
 * ```
 *
 * `first` is the first request whose reply is missing; `kept` says that all replies before it have
 * arrived. The link below keeps frames whole, in order and authentic.
 */
import { ProtocolError } from "../errors.ts";
import type { Refusal } from "../errors.ts";
import type { Capacity } from "../version-device.ts";

export const OP = {
  read: 1,
  update: 2,
  reset: 3,
  commit: 4,
  free: 5,
  uppers: 6,
  statistics: 7,
} as const;

export type OpName = keyof typeof OP;

/** Items of one request; longer batches are several requests. */
export const MAX_ITEMS = 65_536;

/** Requests on their way at the same time: as many replies as a device keeps for each session. */
export const WINDOW = 16;

/** No frame is longer. */
export const MAX_FRAME_BYTES: number = 32 + MAX_ITEMS * 12;

export const SESSION_BYTES = 16;

const MAGIC = 0x44_4c_47_56;
const PROTOCOL = 1;
const HELLO_BYTES = 32;
const WELCOME_BYTES = 24;
const REQUEST_BYTES = 24;
const REPLY_BYTES = 16;

/** How a value of a reply is written: results of `uppers` and `statistics` are doubles. */
const isWide = (op: number): boolean => op === OP.uppers || op === OP.statistics;

const viewOf = (frame: Uint8Array): DataView =>
  new DataView(frame.buffer, frame.byteOffset, frame.byteLength);

const newFrame = (bytes: number): { frame: Uint8Array; view: DataView } => {
  const frame = new Uint8Array(bytes);
  return { frame, view: viewOf(frame) };
};

/** A frame of this length, or of none, is not of this protocol. */
function expectBytes(what: string, frame: Uint8Array, bytes: number): DataView {
  if (frame.byteLength === bytes) return viewOf(frame);
  throw new ProtocolError(`a ${what} of ${frame.byteLength} bytes, not ${bytes}`);
}

function expectMagic(what: string, view: DataView): void {
  if (view.getUint32(0, true) === MAGIC && view.getUint8(4) === PROTOCOL) return;
  throw new ProtocolError(`the ${what} is of another protocol or version`);
}

export interface Hello {
  /** Random; it names the session, and the link says whose it is. */
  readonly session: Uint8Array;
  readonly isNew: boolean;
  readonly first: number;
}

export function encodeHello({ session, isNew, first }: Hello): Uint8Array {
  const { frame, view } = newFrame(HELLO_BYTES);
  view.setUint32(0, MAGIC, true);
  view.setUint8(4, PROTOCOL);
  view.setUint8(5, isNew ? 1 : 0);
  frame.set(session, 8);
  view.setBigUint64(24, BigInt(first), true);
  return frame;
}

export function decodeHello(frame: Uint8Array): Hello {
  const view = expectBytes("hello", frame, HELLO_BYTES);
  expectMagic("hello", view);
  const session = frame.slice(8, 8 + SESSION_BYTES);
  const first = Number(view.getBigUint64(24, true));
  return { session, isNew: view.getUint8(5) === 1, first };
}

/** Null: the device does not know the session. */
export function encodeWelcome(capacity: Capacity | null): Uint8Array {
  const { frame, view } = newFrame(WELCOME_BYTES);
  view.setUint32(0, MAGIC, true);
  view.setUint8(4, PROTOCOL);
  if (capacity === null) return frame;
  view.setUint8(5, 1);
  view.setUint32(8, capacity.pages, true);
  view.setUint32(12, capacity.pendingResets, true);
  view.setFloat64(16, capacity.dynamicBytes, true);
  return frame;
}

export function decodeWelcome(frame: Uint8Array): Capacity | null {
  const view = expectBytes("welcome", frame, WELCOME_BYTES);
  expectMagic("welcome", view);
  if (view.getUint8(5) !== 1) return null;
  return {
    pages: view.getUint32(8, true),
    pendingResets: view.getUint32(12, true),
    dynamicBytes: view.getFloat64(16, true),
  };
}

export interface Request {
  readonly op: number;
  readonly sequence: number;
  readonly kept: number;
  readonly items: Uint32Array;
  /** Of `free`; empty for the rest. */
  readonly uppers: Float64Array;
}

/** `sequence` and `kept` are zero: `stampRequest` writes them when the frame is sent. */
export function encodeRequest(
  op: OpName,
  items: Uint32Array,
  uppers: Float64Array | null,
): Uint8Array {
  const { frame, view } = newFrame(
    REQUEST_BYTES + items.length * 4 + (uppers === null ? 0 : items.length * 8),
  );
  view.setUint8(0, OP[op]);
  view.setUint32(4, items.length, true);
  let at = REQUEST_BYTES;
  for (const item of items) {
    view.setUint32(at, item, true);
    at += 4;
  }
  for (const upper of uppers ?? []) {
    view.setFloat64(at, upper, true);
    at += 8;
  }
  return frame;
}

export function stampRequest(frame: Uint8Array, sequence: number, kept: number): void {
  const view = viewOf(frame);
  view.setBigUint64(8, BigInt(sequence), true);
  view.setBigUint64(16, BigInt(kept), true);
}

export function decodeRequest(frame: Uint8Array): Request {
  if (frame.byteLength < REQUEST_BYTES) throw new ProtocolError("a request without its header");
  const view = viewOf(frame);
  const op = view.getUint8(0);
  const count = view.getUint32(4, true);
  if (count > MAX_ITEMS) throw new ProtocolError(`a request of ${count} items`);
  const wide = op === OP.free ? count : 0;
  expectBytes("request", frame, REQUEST_BYTES + count * 4 + wide * 8);
  const [itemsAt, uppersAt] = [REQUEST_BYTES, REQUEST_BYTES + count * 4];
  const items = new Uint32Array(count);
  for (let item = 0; item < count; item++) items[item] = view.getUint32(itemsAt + item * 4, true);
  const uppers = new Float64Array(wide);
  for (let item = 0; item < wide; item++) uppers[item] = view.getFloat64(uppersAt + item * 8, true);
  const [sequence, kept] = [view.getBigUint64(8, true), view.getBigUint64(16, true)];
  return { op, sequence: Number(sequence), kept: Number(kept), items, uppers };
}

export interface Reply {
  readonly refusal: Refusal | 0;
  readonly done: number;
  readonly sequence: number;
  readonly values: Uint32Array | Float64Array;
}

export function encodeReply(op: number, { refusal, done, sequence, values }: Reply): Uint8Array {
  const size = isWide(op) ? 8 : 4;
  const { frame, view } = newFrame(REPLY_BYTES + values.length * size);
  view.setUint8(0, refusal);
  view.setUint32(4, done, true);
  view.setBigUint64(8, BigInt(sequence), true);
  let at = REPLY_BYTES;
  for (const value of values) {
    if (isWide(op)) view.setFloat64(at, value, true);
    else view.setUint32(at, value, true);
    at += size;
  }
  return frame;
}

/** `op` is that of the request. The refusal is not checked: the caller looks it up. */
export function decodeReply(
  op: number,
  frame: Uint8Array,
): Omit<Reply, "refusal"> & { refusal: number } {
  if (frame.byteLength < REPLY_BYTES) throw new ProtocolError("a reply without its header");
  const view = viewOf(frame);
  const size = isWide(op) ? 8 : 4;
  const count = (frame.byteLength - REPLY_BYTES) / size;
  if (!Number.isInteger(count)) throw new ProtocolError("a reply that ends inside a value");
  const values = isWide(op) ? new Float64Array(count) : new Uint32Array(count);
  for (let item = 0; item < count; item++) {
    const at = REPLY_BYTES + item * size;
    values[item] = isWide(op) ? view.getFloat64(at, true) : view.getUint32(at, true);
  }
  const sequence = Number(view.getBigUint64(8, true));
  return { refusal: view.getUint8(0), done: view.getUint32(4, true), sequence, values };
}
