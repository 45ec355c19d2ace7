// jax-js: `nn.dotProductAttention` under `jit`, on its WebAssembly backend (one thread).
import { readFileSync } from "node:fs";
import { defaultDevice, init, jit, nn, numpy } from "@jax-js/jax";

const version = () => {
  const url = new URL("./node_modules/@jax-js/jax/package.json", import.meta.url);
  return JSON.parse(readFileSync(url, "utf8")).version;
};

/** [B, H, S, D] as [B, S, H, D], jax's order, or back. */
function swapped(data, B, first, second, D) {
  const result = new Float32Array(data.length);
  let at = 0;
  for (let b = 0; b < B; b++) {
    for (let j = 0; j < second; j++) {
      for (let i = 0; i < first; i++, at += D) {
        const from = ((b * first + i) * second + j) * D;
        result.set(data.subarray(from, from + D), at);
      }
    }
  }
  return result;
}

async function dotProductAttention({ B, H, S, D, causal, query, key, value }) {
  const toArray = (data) => numpy.array(swapped(data, B, H, S, D), { shape: [B, S, H, D] });
  const arrays = [query, key, value].map(toArray);
  const compute = jit((q, k, v) => nn.dotProductAttention(q, k, v, { isCausal: causal }));
  let out;
  return {
    async run() {
      out?.dispose();
      out = compute(...arrays.map((array) => array.ref));
      await out.blockUntilReady();
    },
    output: async () => swapped(await out.ref.data(), B, S, H, D),
    async release() {
      for (const array of [...arrays, out]) array?.dispose();
    },
  };
}

/** @returns {Promise<import("./peer.mjs").Peer>} */
export async function open() {
  await init("wasm");
  defaultDevice("wasm");
  return {
    version: version(),
    kind: "wasm",
    formulations: { "nn.dotProductAttention": dotProductAttention },
  };
}
