import { expect, test } from "vitest";
import { builtManifest } from "./manifest.ts";

test("points exports and commands at the built files and keeps everything else", () => {
  const manifest = {
    name: "@vigil/x",
    version: "1.0.0",
    private: true,
    engines: { node: ">=22.18" },
    exports: { ".": "./src/index.ts", "./testing": "./src/testing/index.ts" },
    bin: { x: "./src/main.ts" },
  };
  expect(builtManifest(manifest)).toEqual({
    name: "@vigil/x",
    version: "1.0.0",
    engines: { node: ">=22.18" },
    exports: {
      ".": { types: "./index.d.ts", default: "./index.js" },
      "./testing": { types: "./testing/index.d.ts", default: "./testing/index.js" },
      "./package.json": "./package.json",
    },
    bin: { x: "./main.js" },
  });
});

test("invents no exports for a package that has none", () => {
  expect(builtManifest({ name: "x", version: "1.0.0" })).toEqual({ name: "x", version: "1.0.0" });
});
