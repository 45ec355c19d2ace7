/** The report of a demo run as one HTML file: nothing is loaded from anywhere, nothing runs. */
import { machineLine } from "../measure/machine.ts";
import {
  formatCount,
  formatError,
  formatFigure,
  formatMs,
  formatPercent,
  formatRatio,
} from "../terminal/format.ts";
import { median } from "../measure/statistics.ts";
import { timeChart, workChart } from "./charts.ts";
import type { DemoReport, VariantResult } from "./data.ts";
import { html, Markup, nothing } from "./markup.ts";
import { style } from "./style.ts";

const passMark = (passed: boolean): Markup =>
  passed ? html`<span class="pass">passed</span>` : html`<span class="fail">FAILED</span>`;

function header({ variants, shape, documents, device, seconds }: DemoReport): Markup {
  const passed = variants.filter(({ verification }) => verification.passed).length;
  const tokens = documents.reduce((sum, document) => sum + document.tokens, 0);
  const tile = (label: string, value: string): Markup =>
    html`<div>
      <dt>${label}</dt>
      <dd>${value}</dd>
    </div>`;
  return html`<header class="page">
    <h1>${variants.length} attention variants on this repository's own text</h1>
    <p>
      ${formatCount(tokens)} bytes of ${documents.length} files, packed into one sequence,
      ${shape.Hq} heads of ${shape.D}. Each variant is a few lines of TypeScript, compiled to one
      fused kernel for ${device}, checked against float64, and timed beside the unfused computation.
    </p>
    <dl class="tiles">
      ${tile("verified against float64", `${passed} of ${variants.length}`)}
      ${tile("median compile time", formatMs(median(variants.map((v) => v.compileMs))))}
      ${tile("median speed-up", formatRatio(median(variants.map((v) => v.speedup))))}
      ${tile("blocks skipped, at most", formatPercent(Math.max(...variants.map((v) => v.skippedShare))))}
      ${tile("whole run", formatMs(seconds * 1000))}
    </dl>
  </header>`;
}

const resultRow = (variant: VariantResult): Markup =>
  html` <tr>
    <th scope="row"><a href="#${variant.name}">${variant.name}</a></th>
    <td>${formatMs(variant.compileMs)}</td>
    <td class="text">${passMark(variant.verification.passed)}</td>
    <td>${formatError(variant.verification.maxError)}</td>
    <td>${formatPercent(variant.skippedShare)}</td>
    <td>${formatMs(variant.ms)}</td>
    <td>${formatFigure(variant.gflops)}</td>
    <td>${formatMs(variant.unfusedMs)}</td>
    <td>${formatRatio(variant.speedup)}</td>
  </tr>`;

const headings = [
  "variant",
  "compile",
  "float64 check",
  "largest error",
  "blocks skipped",
  "fused",
  "GFLOP/s",
  "unfused",
  "speed-up",
] as const;

function results({ variants, unfused }: DemoReport): Markup {
  return html`<h2 id="results">Results</h2>
    <p>
      Both computations run on one thread, in turns, and the fastest round of each counts. FLOPs are
      4 * D per pair of query and key in the 128 x 128 blocks that the mask does not empty.
      ${unfused}
    </p>
    <div class="scroll" tabindex="0" role="region" aria-labelledby="results">
      <table>
        <caption>
          Time, check and work of every variant
        </caption>
        <thead>
          <tr>
            ${headings.map((heading) => html`<th scope="col">${heading}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${variants.map(resultRow)}
        </tbody>
      </table>
    </div>
    ${interpretedNote(variants)}`;
}

function timeFigure(id: string, caption: string, variants: readonly VariantResult[]): Markup {
  if (variants.length === 0) return nothing;
  return html`<figure>
    <div class="plot" tabindex="0" role="region" aria-label="${caption}">
      ${timeChart(id, variants)}
    </div>
    <figcaption>${caption}</figcaption>
  </figure>`;
}

function charts({ variants }: DemoReport): Markup {
  const masks = variants.filter(({ scored }) => !scored);
  const scores = variants.filter(({ scored }) => scored);
  const work =
    masks.length < 2
      ? nothing
      : html`<h2>Skipped blocks are skipped time</h2>
          <figure>
            <div class="plot" tabindex="0" role="region" aria-label="Time against work">
              ${workChart(masks)}
            </div>
            <figcaption>
              Each dot is a variant without a score function. On the line, time is the share of
              blocks times full attention's; below it, cut blocks are skipped in part; above it, the
              mask itself takes time.
            </figcaption>
          </figure>`;
  return html`<h2>Fused beside unfused</h2>
    <p>Shorter is better; behind each pair, how many times faster the fused kernel is.</p>
    <ul class="legend">
      <li><i class="fused"></i>one fused kernel</li>
      <li><i class="unfused"></i>scores, softmax and product one after the other</li>
    </ul>
    ${timeFigure("masks", "Masks: the gain is what is skipped, and what is not written to memory", masks)}
    ${timeFigure("scores", "Score functions: the gain is also that the function runs in the kernel", scores)}
    ${work}`;
}

/** The XML prologue and the document type do not belong inside a page. */
const inlineSvg = (svg: string): Markup => new Markup(svg.replace(/^<\?xml.*?\?>\s*/s, ""));

/** Variants whose unfused time needs a word. */
function interpretedNote(variants: readonly VariantResult[]): Markup {
  const names = variants.filter((v) => v.unfusedInterpreted).map(({ name }) => name);
  if (names.length === 0) return nothing;
  return html`<p class="quiet">
    ${names.join(", ")}: relies on indices that are clamped, which plain arrays are not, so its
    unfused computation interprets the score function and is slow.
  </p>`;
}

const picture = ({ pictureSvg }: VariantResult): Markup =>
  pictureSvg === null
    ? html`<div class="picture none">no function: every query attends to every key</div>`
    : html`<div class="picture">${inlineSvg(pictureSvg)}</div>`;

const folded = (title: string, text: string): Markup =>
  text === ""
    ? nothing
    : html`<details>
        <summary>${title}</summary>
        <pre tabindex="0"><code>${text}</code></pre>
      </details>`;

function card(variant: VariantResult): Markup {
  const { verification } = variant;
  return html` <article id="${variant.name}">
    <div>
      <h3>${variant.title}</h3>
      <p class="quiet">${variant.source}</p>
    </div>
    ${picture(variant)}
    <p class="numbers">
      <span>${formatMs(variant.ms)}</span><span>${formatFigure(variant.gflops)} GFLOP/s</span>
      <span>${formatPercent(variant.skippedShare)} skipped</span
      ><span>speed-up ${formatRatio(variant.speedup)}</span>
    </p>
    <p class="quiet">
      ${passMark(verification.passed)} on ${formatCount(verification.rows)} of
      ${formatCount(verification.ofRows)} rows: largest error ${formatError(verification.maxError)},
      allowed ${formatError(verification.allowedError)}
    </p>
    ${folded("Function", variant.text)}${folded("IR", variant.ir)}${folded("Kernel", variant.kernel)}
  </article>`;
}

function footer(report: DemoReport): Markup {
  const { shape, machine, command, date, documents } = report;
  const lengths = Object.entries(shape).map(([axis, length]) => `${axis} ${length}`);
  const stolen = report.variants.map(({ stolenPct }) => stolenPct ?? 0);
  const rows: readonly (readonly [string, string])[] = [
    ["machine", machineLine(machine)],
    ["command", command],
    ["date", date],
    ["device", report.device],
    ["shape", lengths.join(", ")],
    ["stolen time", `${Math.max(0, ...stolen).toFixed(1)} % at most while a variant was timed`],
    [
      "documents",
      documents.map(({ path, tokens }) => `${path} (${formatCount(tokens)})`).join(", "),
    ],
  ];
  return html`<footer>
    <dl>
      ${rows.map(
        ([name, value]) =>
          html`<dt>${name}</dt>
            <dd>${value}</dd>`,
      )}
    </dl>
  </footer>`;
}

/** The whole file. */
export function renderReport(report: DemoReport): string {
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Vigil: ${report.variants.length} attention variants</title>
        <style>
          ${new Markup(style)}
        </style>
      </head>
      <body>
        ${header(report)}
        <main>
          ${results(report)} ${charts(report)}
          <h2>Variants</h2>
          <p>
            Masks: queries run down, keys across; dark blocks are computed without looking at the
            mask, light ones are cut by it, the rest is skipped. The pictures are finer than the
            kernels' own blocks. Scores: what is added where, or what becomes of a score.
          </p>
          <div class="cards">${report.variants.map(card)}</div>
        </main>
        ${footer(report)}
      </body>
    </html> `;
  return page.text;
}
