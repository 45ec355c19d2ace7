import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commands } from "../src/vigil.ts";
import { run } from "./capture.ts";

const fixture = (name: string): string => join(import.meta.dirname, "fixtures", name);

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vigil-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Saved {
  readonly shape: readonly number[];
  readonly data?: Float32Array;
}

/** A safetensors file of f32 tensors, zeros where there are no data; its path. */
async function saved(name: string, tensors: Readonly<Record<string, Saved>>): Promise<string> {
  const parts = Object.entries(tensors).map(([key, { shape, data }]) => {
    const size = shape.reduce((product, length) => product * length, 1);
    return { key, shape, data: data ?? new Float32Array(size) };
  });
  let end = 0;
  const entries = parts.map(({ key, shape, data }) => {
    const start = end;
    end += data.byteLength;
    return [key, { dtype: "F32", shape, data_offsets: [start, end] }] as const;
  });
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.from(BigUint64Array.of(BigInt(header.length)).buffer);
  const path = join(folder, `${name}.safetensors`);
  await writeFile(
    path,
    Buffer.concat([length, header, ...parts.map(({ data }) => Buffer.from(data.buffer))]),
  );
  return path;
}

const SMALL = ["--shape", "B=1,Hq=4,Hkv=2,M=70,N=90,D=16", "--rounds", "2"] as const;

const figure = expect.any(Number);
const machine = expect.objectContaining({
  cpu: expect.any(String),
  cores: figure,
  node: process.versions.node,
});
const verification = {
  passed: true,
  rows: 280,
  ofRows: 280,
  maxError: figure,
  allowedError: figure,
  nanRows: 0,
  problem: null,
};

describe("the command itself", () => {
  test("without arguments, shows its help and leaves as a mistake", async () => {
    const { code, out, err } = await run();
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(/^vigil <command>/);
  });

  test.each(["--help", "-h", "help"])("%s names every command on stdout", async (word) => {
    const { code, out } = await run(word);
    expect(code).toBe(0);
    for (const name of Object.keys(commands)) expect(out).toContain(`\n  ${name} `);
  });

  test("--version prints the version of the package", async () => {
    const text = await readFile(join(import.meta.dirname, "..", "package.json"), "utf8");
    expect(await run("--version")).toMatchObject({ code: 0, out: `${JSON.parse(text).version}\n` });
  });

  test("an unknown command is refused with the nearest one", async () => {
    const { code, err } = await run("verfiy");
    expect(code).toBe(2);
    expect(err).toMatch(
      /^vigil: command: expected one of run, .*, got "verfiy"; did you mean verify\n$/,
    );
  });

  test.each(Object.keys(commands))(
    "%s --help shows arguments, options and examples, in 100 columns",
    async (name) => {
      const { code, out } = await run(name, "--help");
      expect(code).toBe(0);
      expect(out).toMatch(new RegExp(`^vigil ${name}.*\\n`));
      expect(out).toMatch(/--json +print one JSON object/);
      expect(out).toMatch(/\nExamples\n {2}vigil /);
      expect(Math.max(...out.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
    },
  );
});

describe("run", () => {
  test("reports on a file's variant: the documented fields, and nothing else on stdout", async () => {
    const { code, out, json } = await run("run", fixture("soft-window.ts"), ...SMALL, "--json");
    expect(code).toBe(0);
    expect(out.trimEnd().split("\n")).toHaveLength(1);
    expect(json()).toEqual({
      machine,
      command: expect.stringMatching(/^vigil run .*soft-window\.ts/),
      variant: "soft-window",
      shape: { B: 1, Hq: 4, Hkv: 2, M: 70, N: 90, D: 16, Dv: 16 },
      dtype: "f32",
      device: expect.stringMatching(/^wasm/),
      compileMs: figure,
      verification,
      ms: figure,
      medianMs: figure,
      rounds: 2,
      gflops: figure,
      gflopsUnmasked: figure,
      skippedShare: 0,
      stolenPct: expect.toSatisfy((value) => value === null || typeof value === "number"),
    });
  });

  test.each(["plain-mask.ts", "object.mjs"])("takes a variant in every form — %s", async (name) => {
    const { code, json } = await run("run", fixture(name), ...SMALL, "--json");
    expect(code).toBe(0);
    expect(json()).toMatchObject({ verification });
  });

  test.each(["f16", "bf16"])("verifies %s in its own budget", async (dtype) => {
    const { code, json } = await run("run", "alibi", ...SMALL, "--dtype", dtype, "--json");
    expect(code).toBe(0);
    expect(json()).toMatchObject({ dtype, verification: { passed: true } });
  });

  test("computes on tensors of a safetensors file, in either order of axes", async () => {
    const data = Float32Array.from({ length: 40 }, (_, at) => Math.sin(at));
    const shape = [5, 2, 4];
    const path = await saved("qkv", { q: { shape, data }, k: { shape, data }, v: { shape, data } });
    const shapeIn = async (...more: readonly string[]): Promise<unknown> =>
      (await run("run", "causal", "--input", path, "--rounds", "1", "--json", ...more)).json();
    expect(await shapeIn()).toMatchObject({
      shape: { B: 1, Hq: 5, M: 2, D: 4 },
      verification: { passed: true },
    });
    expect(await shapeIn("--layout", "bshd")).toMatchObject({
      shape: { B: 1, Hq: 2, M: 5, D: 4 },
      verification: { passed: true },
    });
  });

  test.each([
    ["no queries", { q: { shape: [2, 0, 4] }, k: { shape: [2, 3, 4] }, v: { shape: [2, 3, 4] } }],
    [
      "5 heads for 2",
      { q: { shape: [5, 3, 4] }, k: { shape: [2, 3, 4] }, v: { shape: [2, 3, 4] } },
    ],
    [
      "keys without values",
      { q: { shape: [2, 3, 4] }, k: { shape: [2, 3, 4] }, v: { shape: [2, 2, 4] } },
    ],
    [
      "another head size",
      { q: { shape: [2, 3, 4] }, k: { shape: [2, 3, 5] }, v: { shape: [2, 3, 5] } },
    ],
  ])("refuses tensors that do not fit before it compiles: %s", async (name, tensors) => {
    const path = await saved(name.replaceAll(" ", "-"), tensors);
    const { code, out, err } = await run("run", "causal", "--input", path);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(/^vigil: \S.*: expected .+, got .+\n$/);
    expect(err).not.toMatch(/compiling|internal/);
  });

  test("says of an empty file what to export", async () => {
    const path = join(folder, "empty.ts");
    await writeFile(path, "");
    const { code, err } = await run("run", path);
    expect(code).toBe(2);
    expect(err).toMatch(
      /expected a default export .* got no exports; write for example export default /,
    );
  });

  test("says in how many rows the result is NaN", async () => {
    const shape = [2, 3, 4];
    const data = new Float32Array(24).fill(NaN);
    const inputs = { q: { shape, data }, k: { shape }, v: { shape } };
    const path = await saved("nan", inputs);
    const { code, out } = await run("run", "noop", "--input", path, "--rounds", "1");
    expect(code).toBe(0);
    expect(out).toMatch(/passed .*; the result is NaN in 6 of 6 rows/);
    const { json } = await run("run", "noop", "--input", path, "--rounds", "1", "--json");
    expect(json()).toMatchObject({ verification: { passed: true, nanRows: 6 } });
  });

  test("fails where the compiled expression is not the function, with the position and both values", async () => {
    const { code, out } = await run("run", fixture("misread.mjs"), ...SMALL);
    expect(code).toBe(1);
    expect(out).toMatch(
      /WRONG .*score at b = 0, h = 0, q = 0, kv = 1, for a score of \S+: the function gives \S+, the traced expression \S+; the compiler misread/,
    );
  });

  test.each([
    [["run", fixture("misspelt.mjs")], /got "maks"; did you mean mask\n$/],
    [["run"], /^vigil: <variant>: expected a TypeScript/],
    [["run", "sliding-windo"], /did you mean sliding-window\n$/],
    [["run", "./absent.ts"], /expected a file, got nothing there/],
    [["run", fixture("free-name.ts")], /width/],
    [["run", fixture("no-variant.ts")], /expected a default export .* got width/],
    [["run", fixture("throws.ts")], /expected a module that loads, got Error: not today/],
    [["run", "causal", "--shape", "B=1,H=2"], /--shape: expected axes of B, Hq/],
    [["run", "causal", "--shape", "Hq=3,Hkv=2"], /Hq to be a multiple of Hkv/],
    [["run", "causal", "--shape", "D=513"], /D from 1 to 512, got "513"/],
    [["run", "causal", "--input", "absent.safetensors"], /--input: expected a safetensors file/],
    [["run", "causal", "--input", "x", "--shape", "M=1"], /no shape beside --input/],
    [["run", "causal", "--device", "webgpu"], /not part of this version/],
    [
      ["show", "causal", "--svg", "/absent/folder/x.svg"],
      /--svg: expected a file that can be written/,
    ],
    [["bench", "everything"], /<what>: expected one of attention, decode, mask, compile, peers/],
    [["emit"], /<variant>: expected one variant, got none/],
    [["emit", "causal", "--variant", "alibi"], /<variant>: expected one variant, got two/],
    [["emit", "causal", "--target", "cuda", "--head-dim", "513"], /--head-dim: expected/],
    [["bench", "decode"], /--device: expected cuda, got wasm/],
    [["verify", "--quick", "--full"], /--quick: expected no --full/],
    [["demo", "--tokens", "1"], /--tokens: expected an integer from 256 to 8192, got "1"/],
    [["demo", "--only", "nothing-like-it"], /--only: expected a part of a variant's name/],
  ])("%j is the caller's mistake, and says so", async (argv, message) => {
    const { code, out, err } = await run(...argv);
    expect([code, out]).toEqual([2, expect.not.stringContaining("error")]);
    expect(err).toMatch(message);
    expect(err).not.toMatch(/internal|\n {4}at /);
  });
});

describe("show and emit", () => {
  test("show draws a mask as text, and says how much is skipped", async () => {
    const { out } = await run("show", "causal", "--shape", "M=256");
    expect(out).toMatch(/██/);
    const { json } = await run("show", "causal", "--shape", "M=256", "--json");
    expect(json()).toMatchObject({
      variant: "causal",
      sparsity: 0.4375,
      drawing: expect.stringContaining("██"),
      svg: null,
    });
  });

  test("show writes an SVG", async () => {
    const path = join(folder, "mask.svg");
    expect(await run("show", fixture("soft-window.ts"), "--svg", path)).toMatchObject({
      code: 0,
      out: `wrote ${path}\n`,
    });
    expect(await readFile(path, "utf8")).toMatch(/^<svg /);
  });

  test("show draws the score function of a variant without a mask, and nothing for none", async () => {
    const path = join(folder, "score.svg");
    expect((await run("show", "relative-position")).out).toMatch(/bias from/);
    expect(await run("show", "relative-position", "--svg", path)).toMatchObject({ code: 0 });
    expect(await readFile(path, "utf8")).toMatch(/^<svg .*added to the score/);
    expect((await run("show", "relative-position", "--json")).json()).toMatchObject({
      text: expect.stringContaining("(q - kv)"),
      svg: null,
    });
    expect(await run("show", "noop")).toMatchObject({
      code: 0,
      out: expect.stringContaining("Full attention"),
    });
  });

  test("emit prints a CUDA kernel without a GPU, and says what it is", async () => {
    const argv = ["--variant", "alibi", "--target", "cuda", "--head-dim", "128", "--dtype", "bf16"];
    const { code, out } = await run("emit", ...argv);
    expect(code).toBe(0);
    expect(out).toMatch(/__global__/);
    const { json } = await run("emit", ...argv, "--arch", "sm_80", "--json");
    expect(json()).toMatchObject({ target: "cuda", what: "source", D: 128, dtype: "bf16" });
  });

  test("emit prints the IR and the kernel", async () => {
    expect((await run("emit", "causal")).out).toContain("bool = le %");
    expect((await run("emit", "causal", "--what", "source")).out).toMatch(/\(module/);
    const { json } = await run("emit", "causal", "--what", "ir", "--json");
    expect(json()).toMatchObject({
      variant: "causal",
      what: "ir",
      target: "wasm",
      D: 64,
      Dv: 64,
      text: expect.any(String),
    });
  });
});

describe("verify, doctor and bench", () => {
  test("verify counts cases, failures and skips", async () => {
    const { code, json } = await run(
      "verify",
      "--device",
      "wasm",
      "--quick",
      "--case",
      "sliding-window",
      "--json",
    );
    expect(json()).toMatchObject({
      machine,
      cases: expect.toSatisfy((cases) => cases > 0),
      failed: 0,
      failures: [],
      skipped: expect.any(Array),
      devices: expect.any(Array),
      seconds: figure,
    });
    expect(code).toBe(0);
  });

  test("verify refuses a choice of no case", async () => {
    const { code, err } = await run("verify", "--quick", "--case", "no such case");
    expect(code).toBe(2);
    expect(err).toMatch(/--case/);
  });

  test("doctor says what runs and why the rest does not", async () => {
    const { code, out, json } = await run("doctor", "--json");
    expect(code).toBe(0);
    expect(out).not.toMatch(/undefined/);
    const { targets, features } = json();
    expect(targets).toEqual([
      { target: "cuda", available: expect.any(Boolean), detail: expect.stringMatching(/cuda/) },
      { target: "native", available: expect.any(Boolean), detail: expect.any(String) },
      { target: "wasm", available: true, detail: expect.stringMatching(/^wasm/) },
      { target: "reference", available: true, detail: expect.any(String) },
      {
        target: "webgpu",
        available: false,
        detail: expect.stringMatching(/not part of this version/),
      },
    ]);
    for (const name of ["NVIDIA driver", "NVIDIA GPU", "NVRTC"]) {
      expect(features).toContainEqual(expect.objectContaining({ name }));
    }
    expect(features).toContainEqual({
      name: "Node",
      purpose: expect.any(String),
      available: true,
      detail: expect.stringContaining(process.versions.node),
    });
  });

  test("bench attention gives a row with its peak, checked first", async () => {
    const { code, json } = await run(
      "bench",
      "attention",
      "--only",
      "causal B1 Hq8 Hkv8 M1024 N1024 D64 threads1",
      "--rounds",
      "2",
      "--json",
    );
    expect(code).toBe(0);
    expect(json()).toEqual({
      machine,
      command: expect.stringMatching(/^vigil bench attention/),
      date: expect.stringMatching(/^\d{4}-/),
      device: expect.stringMatching(/^wasm/),
      rows: [
        {
          variant: "causal",
          shape: { B: 1, Hq: 8, Hkv: 8, M: 1024, N: 1024, D: 64, Dv: 64 },
          dtype: "f32",
          threads: 1,
          ms: figure,
          medianMs: figure,
          gflops: figure,
          gflopsUnmasked: figure,
          peakGflops: figure,
          fractionOfPeak: expect.toSatisfy((share) => share > 0 && share < 1.1),
          fractionOfPeakMedian: figure,
          fractionOfPeakCpu: figure,
          skippedShare: 0.4375,
          rounds: 2,
          stolenPct: expect.toSatisfy((value) => value === null || value >= 0),
          peakStolenPct: expect.toSatisfy((value) => value === null || value >= 0),
          speedup: null,
          cpuRatio: null,
        },
      ],
    });
  });

  test("bench mask counts the same blocks by intervals and element by element", async () => {
    const { code, json } = await run(
      "bench",
      "mask",
      "--only",
      "prefix",
      "--rounds",
      "1",
      "--json",
    );
    expect(code).toBe(0);
    const { rows } = json() as {
      rows: { way: string; length: number; bytes: number; fullBlocks: number }[];
    };
    expect(rows.map(({ way, length }) => [way, length])).toEqual([
      ["intervals", 1_048_576],
      ["intervals", 8192],
      ["element by element", 8192],
    ]);
    expect(rows[1]?.fullBlocks).toBe(rows[2]?.fullBlocks);
    expect(rows[0]?.bytes).toBeLessThan(16e6);
  });

  test("bench compile compiles new text, and nothing for a new length or captured number", async () => {
    const { code, json } = await run("bench", "compile", "--rounds", "2", "--json");
    expect(code).toBe(0);
    const { rows } = json() as { rows: object[] };
    expect(rows).toHaveLength(5);
    for (const row of rows) {
      expect(row).toMatchObject({ target: "wasm", medianMs: figure, recompilations: 0, rounds: 2 });
    }
  });

  test.each(["attention", "mask", "compile", "peers"])(
    "bench %s refuses a choice of no row",
    async (what) => {
      const { code, err } = await run("bench", what, "--only", "no such row");
      expect(code).toBe(2);
      expect(err).toMatch(
        /--only: expected a part of a row's variant, shape and threads, got "no such row"/,
      );
      expect(err).not.toMatch(/installing/);
    },
  );
});

describe("demo", () => {
  test("prints a table, writes the report, and gives the rows", { timeout: 120_000 }, async () => {
    const path = join(folder, "report.html");
    const { code, json } = await run(
      "demo",
      "--only",
      "window",
      "--tokens",
      "256",
      "--out",
      path,
      "--json",
    );
    expect(code).toBe(0);
    const { rows } = json() as { rows: { variant: string }[] };
    expect(rows.map(({ variant }) => variant)).toEqual([
      "sliding-window",
      "dilated-window",
      "global-window",
    ]);
    for (const row of rows) {
      expect(row).toMatchObject({
        compileMs: figure,
        verification: { passed: true, problem: null },
        ms: figure,
        gflops: figure,
        skippedShare: figure,
        unfusedMs: figure,
        unfusedInterpreted: false,
        speedup: figure,
      });
    }
    const text = await readFile(path, "utf8");
    expect(text).toContain('id="sliding-window"');
    expect(text).toContain("q - kv &lt; width");
  });
});
