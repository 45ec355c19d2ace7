import { maskMod, type MaskMod } from "../api/mods.ts";
import { rangeError } from "../errors.ts";
import { drawWhenRun } from "./draw.ts";
import type { GalleryEntry } from "./gallery-entry.ts";
import { random } from "./random.ts";
import { checkInteger, integersOf } from "./validate.ts";

/**
 * Verification of a tree of guessed tokens behind a context: a node sees the context, its ancestors and itself.
 *
 *   attends = q >= kv  and  (kv < context  or  node kv is an ancestor of node q, or q itself)
 *
 * Nodes stand at context .. context + nodes - 1, parents before children. Ancestry is two comparisons: a walk of the tree
 * numbers each node when it enters and leaves it, and an ancestor's span holds its descendants' numbers. In decoding,
 * `queryOffset` is the length of the context and M the number of nodes.
 *
 * @param context  tokens before the tree, at least 0
 * @param parents  [nodes], the parent of each node by number, -1 for a child of the context
 * @throws TypeError, RangeError  context is not an integer of at least 0, or a parent does not stand before its child
 * @see Miao et al., "SpecInfer" (2024), section 4; Cai et al., "Medusa" (2024), section 2.1
 */
export function speculativeTree(context: number, parents: readonly number[] | Int32Array): MaskMod {
  checkInteger("context", context);
  const { enter, leave } = spans(integersOf("parents", parents, { least: -1 }));
  return maskMod({ context, enter, leave }, ({ context, enter, leave }) => ({ q, kv }) => {
    const node = Math.max(q - context, 0);
    const other = Math.max(kv - context, 0);
    const isAncestor = enter[other] <= enter[node] && enter[node] < leave[other];
    return q >= kv && (kv < context || isAncestor);
  });
}

/** For each node, its number in a depth-first walk, and the first number after its descendants'. */
function spans(parents: Int32Array): { readonly enter: Int32Array; readonly leave: Int32Array } {
  const sizes = new Int32Array(parents.length).fill(1);
  for (let node = parents.length - 1; node >= 0; node--) {
    const parent = parents[node] ?? -1;
    if (parent >= node) {
      const expected = `a node before ${node}, or -1`;
      const remedy = "number the nodes so that parents come first";
      throw rangeError({ name: `parents[${node}]`, expected, got: String(parent), remedy });
    }
    if (parent >= 0) sizes[parent] = (sizes[parent] ?? 0) + (sizes[node] ?? 0);
  }
  const enter = new Int32Array(parents.length);
  // Where the next child of each node starts; index 0 is the context.
  const next = new Int32Array(parents.length + 1);
  for (const [node, parent] of parents.entries()) {
    const start = next[parent + 1] ?? 0;
    enter[node] = start;
    next[parent + 1] = start + (sizes[node] ?? 0);
    next[node + 1] = start + 1;
  }
  return { enter, leave: enter.map((start, node) => start + (sizes[node] ?? 0)) };
}

export const speculativeTreeEntry: GalleryEntry = {
  name: "speculative-tree",
  title: "Speculative tree",
  kind: "mask",
  causal: true,
  source: "Miao et al. 2024, arXiv 2305.09781",
  make: ({ M, N }, seed) => {
    const context = Math.floor(N / 2);
    const rng = random(seed);
    const nodes = Math.max(M, N) - context;
    const parents = Int32Array.from({ length: nodes }, (_, node) => rng.below(node + 1) - 1);
    return { mask: speculativeTree(context, parents) };
  },
};

/* @__PURE__ */ drawWhenRun(import.meta, speculativeTreeEntry);
