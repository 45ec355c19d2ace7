/** Telling devices that can keep tensors from those that compute in the caller's memory. */
import type { Device, ResidentDevice } from "../device.ts";

/** Whether a device has memory of its own for tensors. */
export const isResident = (device: Device): device is ResidentDevice =>
  "upload" in device && "wrap" in device && typeof device.upload === "function";
