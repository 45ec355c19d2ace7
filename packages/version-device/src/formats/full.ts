/**
 * The 216-byte block of a full page: 64 stealth versions of 27 bits, line 0 in the lowest bits
 * (Toleo, section 4.3). A version that starts at bit 6 or 7 of a byte reaches into a fifth byte.
 */
import { STEALTH_BITS, STEALTH_MASK } from "./geometry.ts";

/** The largest shift at which 27 bits fit a 32-bit word. */
const FITS = 32 - STEALTH_BITS;

export function versionOf(view: DataView, block: number, line: number): number {
  const bit = line * STEALTH_BITS;
  const [byte, shift] = [block + (bit >>> 3), bit & 7];
  const low = view.getUint32(byte, true) >>> shift;
  const high = shift > FITS ? view.getUint8(byte + 4) << (32 - shift) : 0;
  return (low | high) & STEALTH_MASK;
}

export function setVersion(view: DataView, block: number, line: number, version: number): void {
  const bit = line * STEALTH_BITS;
  const [byte, shift] = [block + (bit >>> 3), bit & 7];
  const others = view.getUint32(byte, true) & ~(STEALTH_MASK << shift);
  view.setUint32(byte, others | (version << shift), true);
  if (shift <= FITS) return;
  const above = view.getUint8(byte + 4) & ~(STEALTH_MASK >>> (32 - shift));
  view.setUint8(byte + 4, above | (version >>> (32 - shift)));
}
