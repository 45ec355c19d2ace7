import { expect, test } from "vitest";
import { ticks, timeChart, workChart } from "./charts.ts";
import type { DemoReport, VariantResult } from "./data.ts";
import { html, Markup } from "./markup.ts";
import { renderReport } from "./page.ts";

const variant = (name: string, more: Partial<VariantResult> = {}): VariantResult => ({
  name,
  title: `The ${name} variant`,
  source: "somebody (2024)",
  device: "wasm",
  scored: false,
  text: "maskMod(({ q, kv }) => q >= kv && q < 9)",
  compileMs: 4,
  verification: {
    passed: true,
    rows: 64,
    ofRows: 2048,
    maxError: 1e-7,
    allowedError: 1e-6,
    nanRows: 0,
    problem: null,
  },
  ms: 25,
  gflops: 40,
  skippedShare: 0.44,
  unfusedMs: 100,
  unfusedInterpreted: false,
  speedup: 4,
  stolenPct: 0.5,
  ir: "mask\n%0: i32 = index q",
  kernel: "(module (func $run))",
  pictureSvg: '<svg xmlns="http://www.w3.org/2000/svg"><title>mask</title></svg>',
  ...more,
});

const report = (variants: readonly VariantResult[]): DemoReport => ({
  machine: {
    cpu: "A <fast> processor",
    cores: 2,
    memoryGiB: 8,
    platform: "linux-x64",
    node: "26.0.0",
    v8: "14",
    commit: "0123456789",
  },
  command: "vigil demo",
  date: "2026-01-02T03:04:05.000Z",
  seconds: 50,
  device: "wasm",
  shape: { B: 1, Hq: 8, Hkv: 8, M: 2048, N: 2048, D: 64, Dv: 64 },
  documents: [{ path: "README.md", tokens: 2048 }],
  unfused: "Unfused means something.",
  variants,
});

test("escapes text in holes, and leaves markup in holes as it is", () => {
  const inner = html`<b>${"<script>"}</b>`;
  expect(html`<p title="${'"&'}">${inner}${[inner]}${3}</p>`.text).toBe(
    '<p title="&quot;&amp;"><b>&lt;script&gt;</b><b>&lt;script&gt;</b>3</p>',
  );
  expect(inner).toBeInstanceOf(Markup);
});

test("ticks are round numbers from zero and cover the range", () => {
  expect(ticks(230)).toEqual([0, 50, 100, 150, 200]);
  expect(ticks(1)).toEqual([0, 0.2, 0.4, 0.6000000000000001, 0.8, 1]);
});

test("holds every variant's figures, function, IR, kernel and picture, and where they come from", () => {
  const page = renderReport(report([variant("causal"), variant("noop", { pictureSvg: null })]));
  // As a browser shows it: line breaks in the markup are blanks.
  const text = page.replace(/\s+/g, " ");
  for (const piece of [
    'id="causal"',
    'id="noop"',
    "q &gt;= kv &amp;&amp; q &lt; 9",
    "%0: i32 = index q",
    "(module (func $run))",
    "<title>mask</title>",
    "no function",
    "4.00x",
    "44.0 %",
    "vigil demo",
    "A &lt;fast&gt; processor",
    "README.md (2,048)",
    "64 of 2,048 rows",
    "Unfused means something.",
  ]) {
    expect(text).toContain(piece);
  }
});

test("a failed verification is not dressed up", () => {
  const verification = {
    passed: false,
    rows: 64,
    ofRows: 2048,
    maxError: 0.5,
    allowedError: 1e-6,
    nanRows: 0,
    problem: "out",
  };
  const text = renderReport(report([variant("causal"), variant("bad", { verification })]));
  expect(text).toContain("FAILED");
  expect(text).toContain("1 of 2");
});

test("is one file: loads nothing and runs nothing", () => {
  const text = renderReport(report([variant("causal")]));
  expect(text).not.toMatch(/<script|<link|<img|@import|url\(|\bsrc=|\bhref="(?!#)/i);
});

test("is a page that a reader for the blind can walk: language, headings, captions, names of pictures", () => {
  const text = renderReport(report([variant("causal")]));
  expect(text).toMatch(/<html lang="en">/);
  expect(text.match(/<h1/g)).toHaveLength(1);
  expect(text).toMatch(/<caption>/);
  expect(text).toMatch(/<th scope="col">/);
  expect(text).toMatch(/<th scope="row">/);
  for (const chart of text.match(/<svg class="chart"[^>]*>/g) ?? []) {
    expect(chart).toMatch(/role="img" aria-labelledby=/);
  }
});

test("bars are as long as their times", () => {
  const { text } = timeChart("times", [variant("a", { ms: 100, unfusedMs: 200 })]);
  const width = (kind: string): number =>
    Number(new RegExp(`class="${kind}"[^>]*width="([\\d.]+)"`).exec(text)?.[1]);
  expect(width("unfused") / width("fused")).toBeCloseTo(2, 2);
});

test("dots stand at the share of blocks that is left", () => {
  const { text } = workChart([
    variant("a", { skippedShare: 0 }),
    variant("b", { skippedShare: 1 }),
  ]);
  const at = [...text.matchAll(/cx="([\d.]+)"/g)].map((match) => Number(match[1]));
  expect(at[0]).toBeGreaterThan(at[1] ?? Infinity);
});
