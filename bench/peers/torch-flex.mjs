// PyTorch's compiler for variants of attention; it needs a C++ compiler, and takes seconds per variant and shape.
import { openTorch } from "./torch.mjs";

/** @returns {Promise<import("./peer.mjs").Peer>} */
export const open = () =>
  openTorch("flex", {
    formulation: "torch.compile(flex_attention)",
    variants: ["noop", "causal", "alibi", "sliding-window", "soft-cap"],
  });
