// ONNX Runtime as WebAssembly.
import * as ort from "onnxruntime-web";
import { formulations } from "./onnx-attention.mjs";

/** @returns {Promise<import("./peer.mjs").Peer>} */
export async function open() {
  ort.env.wasm.numThreads = 1;
  return { version: ort.env.versions.web, kind: "wasm", formulations: formulations(ort, "wasm") };
}
