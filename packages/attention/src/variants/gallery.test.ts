import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { compileExact } from "../reference/evaluate.ts";
import { traceMod } from "../trace/trace-mod.ts";
import { drawEntry } from "./draw.ts";
import type { GalleryShape } from "./gallery-entry.ts";
import { gallery } from "./gallery.ts";
import { random } from "./random.ts";

const shape: GalleryShape = { B: 3, Hq: 4, Hkv: 2, M: 37, N: 53 };

/** Every head and batch element, and positions near the start, the end and beyond. */
const places = Array.from({ length: 400 }, (_, i) => {
  const rng = random(i);
  const { B, Hq, M, N } = shape;
  return { b: i % B, h: i % Hq, q: rng.below(M + 9), kv: rng.below(N) };
});

describe("the gallery", () => {
  test("has a name of its own and a citation for every variant", () => {
    expect(new Set(gallery.map(({ name }) => name)).size).toBe(gallery.length);
    expect(gallery.every(({ title, source }) => title !== "" && source !== "")).toBe(true);
  });

  test("says which functions a variant has", () => {
    for (const { name, kind, make } of gallery) {
      const { score, mask, sinks } = make(shape, 1);
      const both = { score: score !== undefined, mask: mask !== undefined };
      const expected = {
        none: { score: false, mask: false },
        mask: { score: false, mask: true },
        score: { score: true, mask: false },
        both: { score: true, mask: true },
        sinks: { score: false, mask: true },
      }[kind];
      expect({ name, ...both }).toEqual({ name, ...expected });
      expect(sinks !== undefined).toBe(kind === "sinks");
    }
  });

  test.each(gallery)("$name is causal exactly where it says so", ({ causal, make }) => {
    const { mask } = make(shape, 1);
    const seesAhead = places.some((at) => at.kv > at.q && (mask?.(at) ?? true));
    expect(seesAhead).toBe(!causal);
  });

  test.each(gallery)(
    "$name as traced is $name as called, at positions beyond its tables too",
    ({ make }) => {
      const { score, mask } = make(shape, 5);
      const rng = random(9);
      if (mask !== undefined) {
        const { expression, captures } = traceMod(mask);
        const exact = compileExact(expression.root, captures);
        expect(places.filter((at) => (exact(0, at) !== 0) !== mask(at))).toEqual([]);
      }
      if (score !== undefined) {
        const { expression, captures } = traceMod(score);
        const exact = compileExact(expression.root, captures);
        for (const at of places) {
          const given = 3 * rng.normal();
          const [traced, called] = [exact(given, at), score(given, at)];
          expect(
            Object.is(traced, called) || Math.abs(traced - called) < 1e-6 * (1 + Math.abs(called)),
          ).toBe(true);
        }
      }
    },
  );

  test.each(gallery)(
    "$name makes the same variant for the same seed, at length 1 too",
    ({ make }) => {
      const [first, second] = [make(shape, 3), make(shape, 3)];
      for (const at of places) {
        expect(first.mask?.(at)).toBe(second.mask?.(at));
        expect(first.score?.(0.5, at)).toBe(second.score?.(0.5, at));
      }
      const tiny = make({ B: 1, Hq: 1, Hkv: 1, M: 1, N: 1 }, 3);
      expect(typeof (tiny.mask?.({ b: 0, h: 0, q: 0, kv: 0 }) ?? true)).toBe("boolean");
      expect(tiny.score?.(0.5, { b: 0, h: 0, q: 0, kv: 0 }) ?? 0).not.toBeNaN();
    },
  );

  test.each(gallery)("$name draws itself", ({ name, kind, title, make, ...rest }) => {
    const picture = drawEntry({ name, kind, title, make, ...rest });
    expect(picture.split("\n")[0]).toContain(title);
    if (kind !== "none") expect(picture.split("\n").length).toBeGreaterThan(16);
  });

  test("draws a variant when its file is the program, and nothing when it is imported", async () => {
    const file = fileURLToPath(new URL("sliding-window.ts", import.meta.url));
    const run = promisify(execFile);
    const drawn = await run(process.execPath, [file]);
    expect(drawn.stdout).toContain("Sliding window");
    expect(drawn.stdout.split("\n").length).toBeGreaterThan(32);
    const imports = `import ${JSON.stringify(file)};`;
    const imported = await run(process.execPath, ["--input-type=module", "--eval", imports]);
    expect(imported.stdout).toBe("");
  });

  test("keeps every variant in a file of its own name", () => {
    const missing = gallery.filter(({ name }) => {
      const names = [
        name,
        name.replace(/-[^-]+$/, ""),
        name.replace(/-per-head$/, "").replace(/-2d$|-3d$/, ""),
      ];
      return (
        name !== "noop" && !names.some((file) => existsSync(new URL(`${file}.ts`, import.meta.url)))
      );
    });
    expect(missing).toEqual([]);
  });
});
