/** Pictures of score functions: a map of what is added where, or a curve for a function of the score alone. */
import type { ScoreMod } from "@vigil/attention";

/** Positions along each side of a map. */
const CELLS = 48;
const SIDE = 240;
const SHADES = 8;
const HEAD = 0;

const at = (q: number, kv: number): { b: number; h: number; q: number; kv: number } => ({
  b: 0,
  h: HEAD,
  q,
  kv,
});

const frame = (label: string, body: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIDE} ${SIDE + 22}" role="img" aria-label="${label}" font-size="10">` +
  `<title>${label}</title>${body}<text x="0" y="${SIDE + 15}">${label}</text></svg>`;

const finite = (values: readonly number[]): readonly number[] => values.filter(Number.isFinite);
const short = (value: number): string => Number(value.toPrecision(3)).toString();

/** What becomes of the scores from -8 to 8. */
function curve(score: ScoreMod): string {
  const inputs = Array.from({ length: 161 }, (_, i) => i / 10 - 8);
  const outputs = inputs.map((input) => score(input, at(0, 0)));
  const [low, high] = [Math.min(...finite(outputs)), Math.max(...finite(outputs))];
  const x = (input: number): number => ((input + 8) / 16) * SIDE;
  const y = (output: number): number =>
    SIDE - 12 - ((output - low) / (high - low || 1)) * (SIDE - 24);
  const points = inputs.flatMap((input, i) => {
    const output = outputs[i] ?? NaN;
    return Number.isFinite(output) ? [`${x(input).toFixed(1)},${y(output).toFixed(1)}`] : [];
  });
  const zero = low < 0 && high > 0 ? `<path class="zero" d="M0 ${y(0).toFixed(1)}h${SIDE}"/>` : "";
  return frame(
    `scores from -8 to 8 become ${short(low)} to ${short(high)}`,
    `<rect width="${SIDE}" height="${SIDE}"/><path class="zero" d="M${SIDE / 2} 0v${SIDE}"/>${zero}` +
      `<polyline class="curve" points="${points.join(" ")}"/>`,
  );
}

/** Runs of equal shade in each row, one path per shade. */
function paths(shades: readonly (readonly number[])[]): string {
  const data = Array.from({ length: SHADES }, () => "");
  shades.forEach((row, y) => {
    for (let x = 0; x < row.length;) {
      const shade = row[x] ?? 0;
      const start = x;
      while (x < row.length && row[x] === shade) x++;
      data[shade] = `${data[shade] ?? ""}M${start} ${y}h${x - start}v1h-${x - start}z`;
    }
  });
  return data
    .map((d, shade) =>
      d === "" ? "" : `<path fill-opacity="${((shade + 1) / SHADES).toFixed(3)}" d="${d}"/>`,
    )
    .join("");
}

/** What is added to a score of 0, over queries (down) and keys (across) of head 0. */
function map(score: ScoreMod, { M, N }: { readonly M: number; readonly N: number }): string {
  const position = (cell: number, length: number): number =>
    Math.floor(((cell + 0.5) * length) / CELLS);
  const grid = Array.from({ length: CELLS }, (_, row) =>
    Array.from({ length: CELLS }, (_, column) =>
      score(0, at(position(row, M), position(column, N))),
    ),
  );
  const values = finite(grid.flat());
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const shade = (value: number): number =>
    Number.isFinite(value)
      ? Math.min(SHADES - 1, Math.floor(((value - low) / (high - low || 1)) * SHADES))
      : 0;
  const body = paths(grid.map((row) => row.map(shade)));
  return frame(
    `added to the score, head ${HEAD}: ${short(low)} (light) to ${short(high)} (dark)`,
    `<rect width="${SIDE}" height="${SIDE}"/><svg class="map" width="${SIDE}" height="${SIDE}" viewBox="0 0 ${CELLS} ${CELLS}" shape-rendering="crispEdges">${body}</svg>`,
  );
}

/** Null where there is no score function. */
export function scoreSvg(
  score: ScoreMod | undefined,
  shape: { readonly M: number; readonly N: number },
): string | null {
  if (score === undefined) return null;
  const { M, N } = shape;
  const places = [at(0, 0), at(M - 1, 0), at(0, N - 1), at(M >> 1, N >> 2), at(M - 1, N - 2)];
  const positional = places.some((place) => score(0.5, place) !== score(0.5, at(0, 0)));
  return positional ? map(score, shape) : curve(score);
}
