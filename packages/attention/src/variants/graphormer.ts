import { constant, scoreMod, type ScoreMod } from "../api/mods.ts";
import { describe, rangeError, typeError } from "../errors.ts";
import { Tensor } from "../tensor.ts";
import { drawWhenRun } from "./draw.ts";
import type { GalleryEntry } from "./gallery-entry.ts";
import { random } from "./random.ts";

export interface GraphBias {
  /** [nodes, nodes], i32: length of the shortest path, capped by the last row of `spatial`. Unit: edges. */
  readonly distance: Tensor;
  /** [Hq, distances]: learned bias per head and distance; the last one also for nodes without a path. Unit: logits. */
  readonly spatial: Tensor;
  /** [nodes, nodes, steps], i32: the kinds of the edges along the path, kind 0 after its end. */
  readonly path: Tensor;
  /** [Hq, steps, kinds]: learned weight per head, step and kind of edge; kind 0 should weigh 0. Unit: logits. */
  readonly edge: Tensor;
}

/**
 * Graphormer: attention among the nodes of a graph knows how far apart they are and over which edges.
 *
 *   score + spatial[h][distance[q][kv]] + (1 / steps taken) * sum_s edge[h][s][path[q][kv][s]]
 *
 * The mean runs over the steps of the path, at least one. Cost: 2 * steps lookups per score.
 *
 * @throws TypeError   a part is not a Tensor of its dtype
 * @throws RangeError  ranks other than 2, 2, 3 and 3, paths without steps, or more than 64 of them
 * @see Ying et al., "Do transformers really perform bad for graph representation?" (2021), sections 3.1.2 and 3.1.3
 */
export function graphormer({ distance, spatial, path, edge }: GraphBias): ScoreMod {
  const parts = { distance, spatial, path, edge };
  checkPart("distance", distance, { rank: 2, dtype: "i32" });
  checkPart("spatial", spatial, { rank: 2, dtype: null });
  checkPart("path", path, { rank: 3, dtype: "i32" });
  checkPart("edge", edge, { rank: 3, dtype: null });
  const steps = path.shape[2] ?? 0;
  if (steps < 1 || steps > 64) {
    const remedy = "cut the paths, or pad them with kind 0";
    const expected = "1 to 64 steps (axis 2)";
    throw rangeError({ name: "path", expected, got: String(steps), remedy });
  }
  return scoreMod(
    { ...parts, steps: constant(steps) },
    ({ distance, spatial, path, edge, steps }) =>
      (score, { h, q, kv }) => {
        let sum = 0;
        for (let s = 0; s < steps; s++) sum += edge[h][s][path[q][kv][s]];
        const taken = Math.min(Math.max(distance[q][kv], 1), steps);
        return score + spatial[h][distance[q][kv]] + sum / taken;
      },
  );
}

interface Part {
  readonly rank: number;
  /** Null for any floating-point one. */
  readonly dtype: "i32" | null;
}

function checkPart(name: string, part: unknown, { rank, dtype }: Part): void {
  if (!(part instanceof Tensor)) {
    const remedy = "wrap the array: new Tensor(data, shape)";
    throw typeError({ name, expected: "a Tensor", got: describe(part), remedy });
  }
  if ((part.dtype === "i32") !== (dtype === "i32")) {
    const expected = dtype ?? "a floating-point tensor";
    const remedy = `make it of ${dtype === null ? "a Float32Array" : "an Int32Array"}`;
    throw typeError({ name, expected, got: part.dtype, remedy });
  }
  if (part.shape.length === rank) return;
  const remedy = "give a missing axis a length of 1";
  throw rangeError({ name, expected: `${rank} axes`, got: describe(part.shape), remedy });
}

/** A ring of nodes with two kinds of edges, every third one of kind 2. */
function ringGraph(nodes: number, { distances, steps }: { distances: number; steps: number }) {
  const distance = new Int32Array(nodes * nodes);
  const path = new Int32Array(nodes * nodes * steps);
  for (let q = 0; q < nodes; q++) {
    for (let kv = 0; kv < nodes; kv++) {
      const ahead = (kv - q + nodes) % nodes;
      const length = Math.min(ahead, nodes - ahead);
      distance[q * nodes + kv] = Math.min(length, distances - 1);
      for (let s = 0; s < Math.min(length, steps); s++) {
        path[(q * nodes + kv) * steps + s] = (q + s) % 3 === 0 ? 2 : 1;
      }
    }
  }
  return {
    distance: new Tensor(distance, [nodes, nodes]),
    path: new Tensor(path, [nodes, nodes, steps]),
  };
}

export const graphormerEntry: GalleryEntry = {
  name: "graphormer",
  title: "Graphormer",
  kind: "score",
  causal: false,
  source: "Ying et al. 2021, arXiv 2106.05234",
  make: ({ Hq, M, N }, seed) => {
    const [distances, steps, kinds] = [6, 3, 3];
    const rng = random(seed);
    const spatial = Float32Array.from({ length: Hq * distances }, rng.normal);
    const edge = Float32Array.from({ length: Hq * steps * kinds }, (_, i) =>
      i % kinds === 0 ? 0 : rng.normal(),
    );
    return {
      score: graphormer({
        ...ringGraph(Math.max(M, N), { distances, steps }),
        spatial: new Tensor(spatial, [Hq, distances]),
        edge: new Tensor(edge, [Hq, steps, kinds]),
      }),
    };
  },
};

/* @__PURE__ */ drawWhenRun(import.meta, graphormerEntry);
