/** Charts as inline SVG: colours come from the page's style sheet, every mark has a title, text is real text. */
import { rounded } from "../measure/statistics.ts";
import { formatMs, formatPercent, formatRatio } from "../terminal/format.ts";
import type { VariantResult } from "./data.ts";
import { html, nothing } from "./markup.ts";
import type { Markup } from "./markup.ts";

interface Scale {
  (value: number): number;
}

const linear =
  (max: number, from: number, to: number): Scale =>
  (value) =>
    from + (value / max) * (to - from);

/** Ticks at 1, 2 or 5 times a power of ten, about `count` of them, from 0 up to `max`. */
export function ticks(max: number, count = 5): number[] {
  const rough = max / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  return Array.from({ length: Math.floor(max / step + 1e-9) + 1 }, (_, at) => at * step);
}

const fixed = (value: number): string => value.toFixed(1);

const WIDTH = 880;
const LEFT = 190;
const RIGHT = 96;
const ROW = 36;
const BAR = 11;
const AXIS = 34;

const pair = (variant: VariantResult, top: number, x: Scale): Markup =>
  html` <g>
    <text
      class="label"
      x="${LEFT - 12}"
      y="${top + ROW / 2}"
      text-anchor="end"
      dominant-baseline="middle"
      >${variant.name}</text
    >
    <rect
      class="fused"
      x="${LEFT}"
      y="${top + 5}"
      width="${fixed(Math.max(1.5, x(variant.ms) - LEFT))}"
      height="${BAR}"
      rx="2"
      ><title>${variant.name}, fused: ${formatMs(variant.ms)}</title></rect
    >
    <rect
      class="unfused"
      x="${LEFT}"
      y="${top + 7 + BAR}"
      width="${fixed(Math.max(1.5, x(variant.unfusedMs) - LEFT))}"
      height="${BAR}"
      rx="2"
      ><title>${variant.name}, unfused: ${formatMs(variant.unfusedMs)}</title></rect
    >
    <text
      class="value"
      x="${fixed(x(Math.max(variant.ms, variant.unfusedMs)) + 8)}"
      y="${top + ROW / 2}"
      dominant-baseline="middle"
      >${formatRatio(variant.speedup)}</text
    >
  </g>`;

/** Two bars per variant: fused above unfused; the speed-up stands behind them. `id` is unique in the page. */
export function timeChart(id: string, variants: readonly VariantResult[]): Markup {
  const max = Math.max(...variants.map(({ unfusedMs, ms }) => Math.max(unfusedMs, ms)));
  const x = linear(max, LEFT, WIDTH - RIGHT);
  const bottom = variants.length * ROW;
  const grid = ticks(max).map(
    (tick) =>
      html` <line
          class="grid"
          x1="${fixed(x(tick))}"
          x2="${fixed(x(tick))}"
          y1="0"
          y2="${bottom}"
        />
        <text class="tick" x="${fixed(x(tick))}" y="${bottom + 18}" text-anchor="middle"
          >${formatTick(tick)}</text
        >`,
  );
  return html`<svg
    class="chart"
    viewBox="0 0 ${WIDTH} ${bottom + AXIS}"
    role="img"
    aria-labelledby="${id}-title ${id}-desc"
  >
    <title id="${id}-title">Time per variant, fused and unfused</title>
    <desc id="${id}-desc">
      One pair of bars per variant; the same figures are in the table of results.
    </desc>
    ${grid}${variants.map((variant, at) => pair(variant, at * ROW, x))}
  </svg>`;
}

const formatTick = (ms: number): string =>
  ms === 0 ? "0" : ms >= 1000 ? `${rounded(ms / 1000)} s` : `${rounded(ms)} ms`;

const HEIGHT = 320;
const PLOT_LEFT = 64;
const PLOT_BOTTOM = HEIGHT - 52;

/** Where a variant would stand whose time is the full one's times its share of the work. */
const proportional = (variants: readonly VariantResult[], x: Scale, y: Scale): Markup => {
  const full = variants.find(({ skippedShare }) => skippedShare === 0);
  if (full === undefined) return nothing;
  return html` <line
    class="proportional"
    x1="${fixed(x(0))}"
    y1="${fixed(y(0))}"
    x2="${fixed(x(1))}"
    y2="${fixed(y(full.ms))}"
  />`;
};

/** Each variant by the work that its mask leaves (across) and its time (up): skipped blocks are skipped time. */
export function workChart(variants: readonly VariantResult[]): Markup {
  const max = 1.05 * Math.max(...variants.map(({ ms }) => ms));
  const x = linear(1, PLOT_LEFT, WIDTH - 24);
  const y = linear(max, PLOT_BOTTOM, 12);
  const rows = ticks(max).map(
    (tick) =>
      html` <line
          class="grid"
          x1="${PLOT_LEFT}"
          x2="${WIDTH - 24}"
          y1="${fixed(y(tick))}"
          y2="${fixed(y(tick))}"
        />
        <text
          class="tick"
          x="${PLOT_LEFT - 8}"
          y="${fixed(y(tick))}"
          text-anchor="end"
          dominant-baseline="middle"
          >${formatTick(tick)}</text
        >`,
  );
  const columns = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      html` <line
          class="grid"
          x1="${fixed(x(share))}"
          x2="${fixed(x(share))}"
          y1="12"
          y2="${PLOT_BOTTOM}"
        />
        <text class="tick" x="${fixed(x(share))}" y="${PLOT_BOTTOM + 18}" text-anchor="middle"
          >${share * 100} %</text
        >`,
  );
  const dots = variants.map((variant) => {
    const left = 1 - variant.skippedShare;
    return html` <circle class="dot" cx="${fixed(x(left))}" cy="${fixed(y(variant.ms))}" r="5"
      ><title>
        ${variant.name}: ${formatPercent(left)} of the blocks, ${formatMs(variant.ms)}
      </title></circle
    >`;
  });
  return html`<svg
    class="chart"
    viewBox="0 0 ${WIDTH} ${HEIGHT}"
    role="img"
    aria-labelledby="work-title work-desc"
  >
    <title id="work-title">Time against the share of blocks computed</title>
    <desc id="work-desc">One dot per variant; the same figures are in the table of results.</desc>
    ${rows}${columns}${proportional(variants, x, y)}${dots}
    <text class="axis" x="${(PLOT_LEFT + WIDTH - 24) / 2}" y="${HEIGHT - 8}" text-anchor="middle">
      share of 128 x 128 blocks that are computed
    </text>
  </svg>`;
}
