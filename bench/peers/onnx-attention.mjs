// Attention in ONNX, in the two ways that ONNX Runtime knows: as one operator, and spelled out.
import { onnxModel } from "./onnx-model.mjs";

/** `Attention` of opset 23. */
const operator = ({ B, H, S, D, causal }) => {
  const shape = [B, H, S, D];
  const attributes = { is_causal: causal ? 1 : 0 };
  return {
    model: onnxModel({
      nodes: [{ op: "Attention", inputs: ["query", "key", "value"], outputs: ["out"], attributes }],
      inputs: { query: shape, key: shape, value: shape },
      outputs: { out: shape },
    }),
    feeds: ({ query, key, value }) => ({
      query: [query, shape],
      key: [key, shape],
      value: [value, shape],
    }),
  };
};

/** MatMul, Softmax, MatMul; the key comes transposed already, and causal is an added mask, as exporters write it. */
const spelledOut = ({ B, H, S, D, causal }) => {
  const shape = [B, H, S, D];
  const masked = { op: "Add", inputs: ["scores", "mask"], outputs: ["masked"] };
  const nodes = [
    { op: "Mul", inputs: ["query", "scale"], outputs: ["scaled"] },
    { op: "MatMul", inputs: ["scaled", "keyTransposed"], outputs: ["scores"] },
    ...(causal ? [masked] : []),
    {
      op: "Softmax",
      inputs: [causal ? "masked" : "scores"],
      outputs: ["shares"],
      attributes: { axis: 3 },
    },
    { op: "MatMul", inputs: ["shares", "value"], outputs: ["out"] },
  ];
  const mask = causal ? { mask: [1, 1, S, S] } : {};
  return {
    model: onnxModel({
      nodes,
      inputs: { query: shape, keyTransposed: [B, H, D, S], value: shape, ...mask },
      outputs: { out: shape },
      scalars: { scale: 1 / Math.sqrt(D) },
    }),
    feeds: ({ query, key, value }) => ({
      query: [query, shape],
      keyTransposed: [transposed(key, S, D), [B, H, D, S]],
      value: [value, shape],
      ...(causal ? { mask: [causalMask(S), [1, 1, S, S]] } : {}),
    }),
  };
};

/** [..., S, D] as [..., D, S]. */
function transposed(data, S, D) {
  const result = new Float32Array(data.length);
  for (let at = 0; at < data.length; at++) {
    const plane = at - (at % (S * D));
    const row = Math.floor((at - plane) / D);
    result[plane + (at % D) * S + row] = data[at];
  }
  return result;
}

function causalMask(S) {
  const mask = new Float32Array(S * S);
  for (let row = 0; row < S; row++) mask.fill(-Infinity, row * S + row + 1, (row + 1) * S);
  return mask;
}

const prepare = (ort, provider, describe) => async (problem) => {
  const { model, feeds } = describe(problem);
  const session = await ort.InferenceSession.create(model, {
    executionProviders: [provider],
    graphOptimizationLevel: "all",
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  });
  const tensors = Object.entries(feeds(problem)).map(([name, [data, shape]]) => [
    name,
    new ort.Tensor("float32", data, shape),
  ]);
  const inputs = Object.fromEntries(tensors);
  let results;
  return {
    async run() {
      results = await session.run(inputs);
    },
    output: async () => results.out.data,
    release: () => session.release(),
  };
};

/** @returns {import("./peer.mjs").Peer["formulations"]} */
export const formulations = (ort, provider) => ({
  "Attention operator": prepare(ort, provider, operator),
  "MatMul, Softmax, MatMul": prepare(ort, provider, spelledOut),
});
