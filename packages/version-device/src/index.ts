/**
 * Secret version numbers for memory that nobody has to trust (Toleo, arXiv 2410.12749).
 *
 * @packageDocumentation
 */
export { DeviceFullError, DeviceLostError, RefusedError, ResetPendingError } from "./errors.ts";
export {
  ENTRY_BYTES,
  FULL_BYTES,
  LINES_PER_PAGE,
  MAX_PAGES,
  STEALTH_BITS,
  STEALTH_MASK,
  UNEVEN_BYTES,
  UPPER_LIMIT,
} from "./formats/geometry.ts";
export { EMPTY_FLAG, PENDING_FLAG, RESET_FLAG } from "./version-device.ts";
export type { Capacity, Statistics, VersionDevice } from "./version-device.ts";
export { openDevice } from "./transports/local-device.ts";
export type { DeviceOptions } from "./transports/local-device.ts";
export { openWorkerDevice } from "./transports/worker-device.ts";
export { connectDevice } from "./transports/tls/connect.ts";
export type { ConnectOptions } from "./transports/tls/connect.ts";
export { Identity } from "./transports/tls/identity.ts";
export { listenDevice } from "./transports/tls/listen.ts";
export type { ConnectionEvent, DeviceServer, ListenOptions } from "./transports/tls/listen.ts";
export type { CapacityOptions } from "./transports/checks.ts";
export type { RandomSource } from "./random.ts";
