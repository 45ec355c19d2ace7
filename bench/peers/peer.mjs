// What `vigil bench peers` asks of a peer. Each file `<peer>.mjs` exports `open(): Promise<Peer>`.

/**
 * @typedef {object} Problem One attention computation; query, key and value are [B, H, S, D], row-major.
 * @property {number} B
 * @property {number} H
 * @property {number} S
 * @property {number} D
 * @property {boolean} causal
 * @property {Float32Array} query
 * @property {Float32Array} key
 * @property {Float32Array} value
 */

/**
 * @typedef {object} Prepared Inputs handed over, graph built: only the computation is left.
 * @property {() => Promise<void>} run The timed part.
 * @property {() => Promise<Float32Array>} output [B, H, S, D] of the last run.
 * @property {() => Promise<void>} release
 */

/**
 * @typedef {object} Peer
 * @property {string} version
 * @property {"wasm" | "native"} kind
 * @property {Readonly<Record<string, (problem: Problem) => Promise<Prepared>>>} formulations
 *   The ways to say attention to it, by name; the fastest counts.
 */

/** The peers by file name. */
export const peers = ["onnxruntime-web", "onnxruntime-node", "jax"];
