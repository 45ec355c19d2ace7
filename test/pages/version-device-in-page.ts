import { openDevice, openWorkerDevice, STEALTH_MASK } from "@vigil/version-device";
import type { VersionDevice } from "@vigil/version-device";

/**
 * How far three updates of a line and none of another move their versions, and the device's
 * statistics.
 */
async function moved(device: VersionDevice): Promise<unknown> {
  const page = Uint32Array.of(5);
  await device.reset(page, new Uint32Array(1));
  await device.commit(page);
  const lines = Uint32Array.of(5 * 64, 5 * 64 + 1);
  const [before, after] = [new Uint32Array(2), new Uint32Array(2)];
  await device.read(lines, before);
  for (let time = 0; time < 3; time++) {
    await device.update(Uint32Array.of(5 * 64), new Uint32Array(1));
  }
  await device.read(lines, after);
  const { pages } = await device.statistics();
  await device.close();
  const steps = Array.from(after, (version, at) => (version - (before[at] ?? 0)) & STEALTH_MASK);
  return { steps, pages };
}

export default async function inPage(): Promise<unknown[]> {
  const capacity = { pages: 8, dynamicBytes: 216 };
  return [await moved(openDevice(capacity)), await moved(await openWorkerDevice(capacity))];
}
