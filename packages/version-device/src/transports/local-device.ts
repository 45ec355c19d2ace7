/** A device in this process. */
import { checkCapacity, checkItems, checkResetBits, checkResults, checkUppers } from "./checks.ts";
import type { CapacityOptions } from "./checks.ts";
import { DeviceLostError, refusalError } from "../errors.ts";
import { LINE_BITS } from "../formats/geometry.ts";
import type { RandomSource } from "../random.ts";
import { RESET_BITS, TripDevice } from "../trip-device.ts";
import type { Capacity, Statistics, VersionDevice } from "../version-device.ts";

export interface DeviceOptions extends CapacityOptions {
  /** Where bases and coins come from; by default the platform's cryptographic generator. */
  readonly random?: RandomSource | undefined;
  /**
   * A leading increment resets its page with probability 2^-resetBits: 0 to 20, by default the
   * paper's 20. For tests and simulators, which cannot wait for a million writes.
   */
  readonly resetBits?: number | undefined;
}

/** @throws RangeError  a capacity that no device can have */
export function newTripDevice(options: DeviceOptions): TripDevice {
  const { random, resetBits = RESET_BITS } = options;
  return new TripDevice({
    capacity: checkCapacity(options),
    random,
    resetBits: checkResetBits(resetBits),
  });
}

export class LocalDevice implements VersionDevice {
  readonly capacity: Capacity;
  #device: TripDevice | null;

  constructor(device: TripDevice) {
    this.capacity = device.capacity;
    this.#device = device;
  }

  async read(lines: Uint32Array, versions: Uint32Array): Promise<void> {
    checkItems("lines", lines);
    checkResults("versions", versions, Uint32Array, lines.length);
    this.#settle(lines, LINE_BITS, (device) => device.read(lines, versions));
  }

  async update(lines: Uint32Array, versions: Uint32Array): Promise<number> {
    checkItems("lines", lines);
    checkResults("versions", versions, Uint32Array, lines.length);
    return this.#settle(lines, LINE_BITS, (device) => device.update(lines, versions));
  }

  async reset(pages: Uint32Array, bases: Uint32Array): Promise<void> {
    checkItems("pages", pages);
    checkResults("bases", bases, Uint32Array, pages.length);
    this.#settle(pages, 0, (device) => device.reset(pages, bases));
  }

  async commit(pages: Uint32Array): Promise<void> {
    checkItems("pages", pages);
    this.#settle(pages, 0, (device) => device.commit(pages));
  }

  async free(pages: Uint32Array, uppers: Float64Array): Promise<void> {
    checkItems("pages", pages);
    checkResults("uppers", uppers, Float64Array, pages.length);
    checkUppers(uppers);
    this.#settle(pages, 0, (device) => device.free(pages, uppers));
  }

  async uppers(pages: Uint32Array, uppers: Float64Array): Promise<void> {
    checkItems("pages", pages);
    checkResults("uppers", uppers, Float64Array, pages.length);
    this.#settle(pages, 0, (device) => device.uppers(pages, uppers));
  }

  async statistics(): Promise<Statistics> {
    return this.#open().statistics();
  }

  async close(): Promise<void> {
    this.#device?.wipe();
    this.#device = null;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #open(): TripDevice {
    if (this.#device === null) throw new DeviceLostError("the device was closed");
    return this.#device;
  }

  /** `shift` makes a page of an item. */
  #settle(items: Uint32Array, shift: number, act: (device: TripDevice) => number): number {
    const device = this.#open();
    const done = act(device);
    if (device.refusal === 0) return done;
    throw refusalError(device.refusal, { done, page: (items[done] ?? 0) >>> shift });
  }
}

/**
 * Opens a device in this process: 12 bytes of memory for each page, and `dynamicBytes`.
 *
 * @throws RangeError  a capacity that no device can have
 */
export const openDevice = (options: DeviceOptions): VersionDevice =>
  new LocalDevice(newTripDevice(options));
