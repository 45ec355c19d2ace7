/** The report's style sheet: one set of names for light and dark, no scripts, no fonts from elsewhere. */
export const style = `
:root {
  color-scheme: light dark;
  --page: light-dark(#fbfbfa, #15171a);
  --card: light-dark(#ffffff, #1c1f24);
  --ink: light-dark(#1d2126, #e6e8eb);
  --quiet: light-dark(#5b636e, #9ba4b0);
  --line: light-dark(#e3e5e8, #31363d);
  --fused: light-dark(#1f6feb, #5b9dff);
  --unfused: light-dark(#b8bfc9, #59616c);
  --partial: light-dark(#9cc3fa, #2f5488);
  --empty: light-dark(#eef1f5, #262b32);
  --good: light-dark(#14743a, #4cc38a);
  --bad: light-dark(#b3261e, #ff8a80);
  --code: light-dark(#f4f5f6, #121418);
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
* { box-sizing: border-box; }
body {
  margin: 0;
  background: var(--page);
  color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", sans-serif;
}
main, header.page, footer { max-width: 70rem; margin: 0 auto; padding: 0 1.5rem; }
header.page { padding-top: 3.5rem; }
h1 { font-size: 2.1rem; line-height: 1.2; letter-spacing: -0.02em; margin: 0 0 0.6rem; text-wrap: balance; }
h2 { font-size: 1.35rem; letter-spacing: -0.01em; margin: 3.5rem 0 0.4rem; }
h3 { font-size: 1.05rem; margin: 0; }
p { margin: 0.4rem 0 0.9rem; max-width: 46rem; }
.quiet, footer, dt { color: var(--quiet); }
a { color: var(--fused); }
:focus-visible { outline: 2px solid var(--fused); outline-offset: 2px; border-radius: 3px; }
code, pre { font-family: var(--mono); font-size: 0.84em; }

.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 0.8rem; margin: 2rem 0 0; }
.tiles div { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 0.9rem 1.1rem; }
.tiles dt { font-size: 0.85rem; }
.tiles dd { margin: 0; font-size: 1.65rem; font-weight: 650; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; }

.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 10px; background: var(--card); }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 0.8rem 1rem; color: var(--quiet); }
th, td { padding: 0.42rem 1rem; text-align: right; white-space: nowrap; }
th { font-weight: 600; }
thead th { color: var(--quiet); font-weight: 500; border-bottom: 1px solid var(--line); vertical-align: bottom; }
tbody tr + tr { border-top: 1px solid var(--line); }
th:first-child, td.text { text-align: left; }
.pass { color: var(--good); font-weight: 600; }
.fail { color: var(--bad); font-weight: 700; }

figure { margin: 1.2rem 0 0; }
figcaption { color: var(--quiet); font-size: 0.9rem; margin-top: 0.5rem; max-width: 46rem; }
.legend { display: flex; gap: 1.4rem; font-size: 0.9rem; margin: 0.6rem 0; padding: 0; list-style: none; }
.legend li { display: flex; align-items: center; gap: 0.5rem; }
.legend i { width: 0.85rem; height: 0.85rem; border-radius: 3px; display: inline-block; }
.plot { overflow-x: auto; }
.chart { width: 100%; min-width: 40rem; height: auto; display: block; font-size: 13px; }
.chart text { fill: var(--quiet); font-variant-numeric: tabular-nums; }
.chart text.label { fill: var(--ink); font-family: var(--mono); font-size: 12px; }
.chart text.value { fill: var(--ink); font-weight: 600; }
.chart .grid { stroke: var(--line); }
.chart .fused, .chart .dot, i.fused { fill: var(--fused); background: var(--fused); }
.chart .unfused, i.unfused { fill: var(--unfused); background: var(--unfused); }
.chart .dot { fill-opacity: 0.75; stroke: var(--card); }
.chart .proportional { stroke: var(--quiet); stroke-dasharray: 4 4; }

.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: 1.2rem; margin-top: 1.2rem; }
.cards article { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1.1rem 1.2rem; min-width: 0; display: flex; flex-direction: column; gap: 0.7rem; }
.cards article:has(details[open]) { grid-column: 1 / -1; }
.cards p { margin: 0; font-size: 0.9rem; }
.cards .numbers { display: flex; flex-wrap: wrap; gap: 0.2rem 1.1rem; font-size: 0.9rem; margin: 0; font-variant-numeric: tabular-nums; }
.picture { display: grid; place-items: center; min-height: 11rem; border-radius: 6px; }
.picture { overflow: hidden; }
.picture > svg { width: 100%; max-width: 16rem; height: auto; fill: var(--quiet); }
.picture rect { fill: var(--empty); }
.picture svg svg:not(.map) path:first-of-type { fill: var(--fused); }
.picture svg svg:not(.map) path:last-of-type { fill: var(--partial); }
.picture .map path { fill: var(--fused); }
.picture .curve { fill: none; stroke: var(--fused); stroke-width: 2.5; }
.picture .zero { stroke: var(--unfused); }
.picture.none { border: 1px dashed var(--line); color: var(--quiet); font-size: 0.9rem; text-align: center; padding: 1rem; }
details { border-top: 1px solid var(--line); padding-top: 0.6rem; }
summary { cursor: pointer; font-size: 0.9rem; color: var(--quiet); }
summary:hover { color: var(--ink); }
pre { background: var(--code); border-radius: 6px; padding: 0.7rem 0.8rem; margin: 0.6rem 0 0; overflow: auto; max-height: 26rem; line-height: 1.45; tab-size: 2; }
footer { margin-top: 4rem; padding-bottom: 3rem; font-size: 0.88rem; }
footer dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.2rem 1.4rem; border-top: 1px solid var(--line); padding-top: 1.2rem; }
footer dd { margin: 0; overflow-wrap: anywhere; }
@media print { .cards article { break-inside: avoid; } details { display: none; } }
`;
