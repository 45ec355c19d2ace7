// What `vigil bench peers` asks of a peer. Each file `<peer>.mjs` exports `open(): Promise<Peer>`.

/**
 * @typedef {object} Problem One attention computation; query, key and value are [B, H, S, D], row-major.
 * @property {number} B
 * @property {number} H
 * @property {number} S
 * @property {number} D
 * @property {"f32" | "bf16"} dtype
 * @property {string} variant One that the peer lists.
 * @property {boolean} causal Whether that is "causal".
 * @property {{ slopes: number[], width: number, cap: number }} parameters Of alibi, sliding-window and soft-cap.
 * @property {Float32Array | Uint16Array} query Raw bits where the dtype has 16.
 * @property {Float32Array | Uint16Array} key
 * @property {Float32Array | Uint16Array} value
 */

/**
 * @typedef {object} Prepared Inputs handed over, graph built: only the computation is left.
 * @property {() => Promise<void | { ms: number, cpuMs: number }>} run The timed part; its times, if it took them itself.
 * @property {() => Promise<Float32Array | Uint16Array>} output [B, H, S, D] of the last run.
 * @property {() => Promise<void>} release
 */

/**
 * @typedef {object} Peer
 * @property {string} version
 * @property {"wasm" | "native"} kind
 * @property {readonly string[]} [dtypes] Default: f32.
 * @property {readonly string[]} [variants] Default: noop and causal.
 * @property {Readonly<Record<string, (problem: Problem) => Promise<Prepared>>>} formulations
 *   The ways to say attention to it, by name; the fastest counts.
 */

/** The peers by file name. */
export const peers = ["onnxruntime-web", "onnxruntime-node", "jax", "torch-sdpa", "torch-flex"];
