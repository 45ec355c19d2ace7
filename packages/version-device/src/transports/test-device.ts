/** What a host does with a device, as far as versions go: for tests of every way to reach one. */
import type { VersionDevice } from "../version-device.ts";
import { RESET_FLAG } from "../version-device.ts";

export const numbers = (length: number, from = 0): Uint32Array =>
  Uint32Array.from({ length }, (_, at) => from + at);

/** Gives every page its first data. */
export async function openPages(device: VersionDevice, pages: Uint32Array): Promise<void> {
  await device.reset(pages, new Uint32Array(pages.length));
  await device.commit(pages);
}

/** The stealth versions of lines. */
export async function versionsOf(device: VersionDevice, lines: Uint32Array): Promise<number[]> {
  const versions = new Uint32Array(lines.length);
  await device.read(lines, versions);
  return [...versions];
}

/** Updates all lines; commits each page that the coin resets. */
export async function updateAll(
  device: VersionDevice,
  lines: Uint32Array,
  versions: Uint32Array,
): Promise<void> {
  for (let done = 0; done < lines.length;) {
    done += await device.update(lines.subarray(done), versions.subarray(done));
    if ((versions[done - 1] ?? 0) < RESET_FLAG) continue;
    await device.commit(Uint32Array.of((lines[done - 1] ?? 0) >>> 6));
  }
}
