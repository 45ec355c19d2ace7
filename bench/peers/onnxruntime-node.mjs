// ONNX Runtime as native code, with whatever vector instructions the processor has.
import * as ort from "onnxruntime-node";
import { formulations } from "./onnx-attention.mjs";

/** @returns {Promise<import("./peer.mjs").Peer>} */
export async function open() {
  return { version: ort.env.versions.node, kind: "native", formulations: formulations(ort, "cpu") };
}
