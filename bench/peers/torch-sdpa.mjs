// PyTorch's own kernel for plain and causal attention.
import { openTorch } from "./torch.mjs";

/** @returns {Promise<import("./peer.mjs").Peer>} */
export const open = () =>
  openTorch("sdpa", {
    formulation: "scaled_dot_product_attention",
    variants: ["noop", "causal"],
  });
