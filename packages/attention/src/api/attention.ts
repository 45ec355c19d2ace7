/** The one call that most programs need. */
import type { AnyTensor } from "./check-tensors.ts";
import { runVariant } from "./compile.ts";
import type { AttentionOptions, AttentionResult } from "./options.ts";

/**
 * Attention with a score and a mask of your own, as one fused kernel.
 *
 * `out[b,h,q,:] = sum over kv of softmax_kv(mask ? score(scale * Q[b,h,q] . K[b,h',kv]) : -Infinity) V[b,h',kv,:]`,
 * with h' = floor(h / (Hq / Hkv)).
 *
 * Shapes: query [B, Hq, M, D], key [B, Hkv, N, D], value [B, Hkv, N, Dv] give out [B, Hq, M, Dv]. Hq is a multiple of Hkv; key and
 * value may have a batch of 1. D and Dv are 1 to 512; every other length is at least 1. All three share one dtype (f32, f16 or
 * bf16), which is also the output's; accumulation is f32. Positions are in tokens. A fully masked row gives out = 0 and
 * lse = -Infinity; NaN in a row's query or in a key that it attends to gives NaN. NaN and infinite
 * values reach the rows that attend to their keys, by the mask; keys from kvLength on are never read. A score function that masks by
 * returning -Infinity keeps neither away (0 * NaN).
 *
 * Tensors in a device's memory (`device.upload`) are computed there, and give such tensors: the call then resolves when the work
 * is queued, and values at masked keys are not looked at, so keep them finite.
 *
 * Inputs are only read, until the call resolves: leave tensors, and arrays that functions capture, as they are for so long. Options
 * and captured numbers are read at once, before this returns. A device that is closed meanwhile ends the call first (see
 * `Device.close`).
 *
 * The first call of a variant compiles it (milliseconds); another length, batch, scale or captured number compiles nothing. Cost:
 * 4 * D operations per pair of query and key in the blocks that the mask does not empty.
 *
 * @throws TraceError        a function cannot be compiled; the message shows the line and what to write instead
 * @throws TypeError         a wrong kind of argument or dtype
 * @throws RangeError        shapes that do not fit, a mask built for other lengths, or integers that leave 32 bits, or lose their
 *                           units in single precision, here
 * @throws UnsupportedError  the named device cannot run it here; says why
 * @see FlexAttention (Dong et al. 2024, arXiv 2412.05496); online softmax (Milakov and Gimelshein 2018)
 */
export function attention<T extends AnyTensor>(
  query: T,
  key: T,
  value: T,
  options: AttentionOptions<T> & ({ readonly returnLse: true } | { readonly returnMax: true }),
): Promise<AttentionResult<T>>;
export function attention<T extends AnyTensor>(
  query: T,
  key: T,
  value: T,
  options?: AttentionOptions<T> & { readonly returnLse?: false; readonly returnMax?: false },
): Promise<T>;
export function attention<T extends AnyTensor>(
  query: T,
  key: T,
  value: T,
  options: AttentionOptions<T>,
): Promise<T | AttentionResult<T>>;
export function attention(
  query: AnyTensor,
  key: AnyTensor,
  value: AnyTensor,
  options: AttentionOptions<AnyTensor> = {},
): Promise<AnyTensor | AttentionResult<AnyTensor>> {
  return runVariant([query, key, value], options);
}
