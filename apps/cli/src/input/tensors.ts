/** Query, key and value for `vigil run`: from a safetensors file, or seeded random numbers. */
import { Tensor } from "@vigil/attention";
import type { FloatType } from "@vigil/attention";
import { makeInputs } from "@vigil/attention/testing";
import type { Inputs, Shape } from "@vigil/attention/testing";
import { UsageError } from "../usage-error.ts";
import { SafetensorsFile } from "./safetensors.ts";

export type AxisOrder = "bhsd" | "bshd";

export const randomInputs = (shape: Shape, dtype: FloatType, seed = 1): Inputs =>
  makeInputs(shape, { dtype, numbers: "normal", layout: "dense", seed });

/** What each may be called in a file. */
const names = { query: ["query", "q"], key: ["key", "k"], value: ["value", "v"] } as const;

/** [B, H, length, D]; a rank of 3 lacks the batch. */
function arranged(name: string, tensor: Tensor, order: AxisOrder): Tensor {
  const rank = tensor.shape.length;
  if (rank !== 3 && rank !== 4) {
    throw new UsageError({
      name: `tensor "${name}"`,
      expected: "3 or 4 axes: [batch,] heads, length, head size",
      got: `[${tensor.shape.join(", ")}]`,
      remedy: "reshape it before saving",
    });
  }
  const batched = rank === 4 ? tensor : withBatch(tensor);
  return order === "bhsd" ? batched : batched.transpose(1, 2);
}

/** Same elements, one more axis of length 1 in front. */
const withBatch = (tensor: Tensor): Tensor => {
  const { data, dtype, shape, strides, offset } = tensor;
  return new Tensor(data, [1, ...shape], { dtype, strides: [0, ...strides], offset });
};

/** @throws UsageError the file is not of the format, or lacks one of the three */
export async function readInputs(path: string, order: AxisOrder): Promise<Inputs> {
  await using file = await SafetensorsFile.open(path);
  const read = async (role: keyof typeof names): Promise<Tensor> => {
    const known: readonly string[] = names[role];
    const found = [...file.entries].find(([name]) => known.includes(name.toLowerCase()));
    if (found !== undefined) return arranged(found[0], await file.read(...found), order);
    throw new UsageError({
      name: "--input",
      expected: `a tensor named ${known.join(" or ")}`,
      got: [...file.entries.keys()].slice(0, 12).join(", ") || "no tensors",
      remedy: "save query, key and value under these names",
    });
  };
  return { query: await read("query"), key: await read("key"), value: await read("value") };
}
