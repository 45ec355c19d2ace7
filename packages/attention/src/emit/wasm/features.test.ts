import { expect, test } from "vitest";
import { findFeatures } from "./features.ts";

test("finds SIMD, relaxed SIMD and threads in this Node", () => {
  expect(findFeatures()).toEqual({ simd: true, relaxed: true, threads: true });
});
