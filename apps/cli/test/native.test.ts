import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { nativeFacts } from "@vigil/attention/testing";
import { run } from "./capture.ts";

const facts = await nativeFacts();
const missing = facts.find(({ name, available }) => !available && name !== "kernel cache");

afterEach(() => vi.unstubAllEnvs());

const SMALL = ["--shape", "B=1,Hq=4,Hkv=2,M=70,N=90,D=16", "--rounds", "2"] as const;
const figure = expect.any(Number);

test("doctor lists what the native target needs, and why it is not there", async () => {
  const { json } = await run("doctor", "--json");
  const { targets, features } = json() as {
    targets: { target: string; available: boolean }[];
    features: { name: string; available: boolean; detail: string }[];
  };
  for (const name of ["C compiler", "vector instructions", "koffi", "kernel cache"]) {
    expect(features).toContainEqual(expect.objectContaining({ name, detail: expect.any(String) }));
  }
  const native = targets.find(({ target }) => target === "native");
  expect(native?.available).toBe(missing === undefined);
});

test("a compiler that is not there is the caller's mistake, and says what to do", async () => {
  const native = ["--device", "native", "--compiler", "/absent/gcc"];
  const { code, err } = await run("run", "causal", ...SMALL, ...native);
  expect(code).toBe(2);
  expect(err).toMatch(/^vigil: native: .*(no \/absent\/gcc; install gcc|open the device wasm)/m);
});

describe("where a compiler is", () => {
  beforeEach(({ skip }) => skip(missing !== undefined, `native: ${missing?.detail}`));

  test("run verifies and times a variant on it", async () => {
    const { code, json } = await run("run", "alibi", ...SMALL, "--device", "native", "--json");
    expect(code).toBe(0);
    expect(json()).toMatchObject({
      device: expect.stringMatching(/^native \(AVX/),
      verification: { passed: true },
      ms: figure,
    });
  });

  test("emit prints its kernel as C", async () => {
    const argv = ["causal", "--what", "source", "--device", "native", "--isa", "avx2"];
    const { out } = await run("emit", ...argv);
    expect(out).toMatch(/^#define _GNU_SOURCE/);
    expect(out).toContain("struct vigil_launch");
  });

  test("bench compile tells the compiler's time from the disk's, and leaves nothing behind", async () => {
    const folder = await mkdtemp(join(tmpdir(), "vigil-cli-"));
    vi.stubEnv("TMPDIR", folder);
    const { code, json } = await run(
      ...["bench", "compile", "--device", "native", "--only", "causal", "--rounds", "1", "--json"],
    );
    expect(code).toBe(0);
    const { rows } = json() as { rows: { from: string; minMs: number }[] };
    expect(rows.map(({ from }) => from)).toEqual(["compiler", "disk"]);
    const [compiler = NaN, disk = NaN] = rows.map(({ minMs }) => minMs);
    expect(disk).toBeLessThan(compiler / 4);
    expect(rows).toEqual(rows.map(() => expect.objectContaining({ recompilations: 0 })));
    expect(await readdir(folder)).toEqual([]);
    await rm(folder, { recursive: true });
  });

  test("bench peers lists a peer that is not there, with the reason", async () => {
    const folder = await mkdtemp(join(tmpdir(), "no-python-"));
    vi.stubEnv("VIGIL_PYTHON", join(folder, "python"));
    try {
      const only = "noop B1 Hq8 Hkv8 M1024 N1024 D64 f32";
      const peers = ["--peers", "torch-sdpa", "--only", only, "--json"];
      const { code, json } = await run("bench", "peers", "--device", "native", ...peers);
      expect(code).toBe(0);
      expect(json()).toMatchObject({
        rows: [],
        skipped: [{ peer: "torch-sdpa", reason: expect.stringMatching(/does not start|ENOENT/) }],
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

test("bench peers refuses a name that is none", async () => {
  const { code, err } = await run("bench", "peers", "--peers", "tensorflow");
  expect(code).toBe(2);
  expect(err).toMatch(/--peers: expected names among .*torch-flex, got "tensorflow"/);
});
