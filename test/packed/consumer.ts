// A user's program. packed.test.ts copies it into an empty project and runs it in Node and in a
// page.
import { attention, maskMod, openDevice, Tensor } from "@vigil/attention";

const causal = maskMod(({ q, kv }) => q >= kv);

/** Where every score is equal, causal attention is the running mean of the values. */
export default async function runningMean(): Promise<number[]> {
  const ones = new Tensor(new Float32Array(4).fill(1), [1, 1, 4, 1]);
  const values = new Tensor(Float32Array.of(1, 2, 3, 6), [1, 1, 4, 1]);
  // `await using` is for Node 24 and later.
  const device = await openDevice("wasm", { threads: 2 });
  try {
    const out = await attention(ones, ones, values, { mask: causal, device });
    return Array.from(out.data, Number);
  } finally {
    await device.close();
  }
}
