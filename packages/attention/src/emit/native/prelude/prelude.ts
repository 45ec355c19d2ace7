/** What kernels of one target share. */
import type { NativeTarget } from "../abi.ts";
import { captures } from "./captures.ts";
import { elements } from "./elements.ts";
import { exported, headers, launch } from "./launch.ts";
import { math } from "./math.ts";
import { panels } from "./panels.ts";
import { products } from "./products.ts";
import { runs } from "./runs.ts";
import { softmax } from "./softmax.ts";
import { tiles } from "./tiles.ts";
import { transpose } from "./transpose.ts";
import { vectors } from "./vectors.ts";

/** C that stands once above the bodies of any number of kernels of this target. */
export const emitPrelude = (target: NativeTarget): string =>
  [
    headers(target),
    vectors(target),
    elements(target),
    transpose(target),
    math,
    launch,
    captures,
    runs,
    softmax,
    products(target),
    panels,
    tiles(target),
    exported(target),
  ].join("\n");
