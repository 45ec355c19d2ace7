/** `--shape B=1,Hq=8,M=1024,D=64`: lengths by their axis letters. */
import type { Shape } from "@vigil/attention/testing";
import type { Option } from "../options.ts";
import { UsageError } from "../usage-error.ts";

const axes = ["B", "Hq", "Hkv", "M", "N", "D", "Dv"] as const;
type AxisName = (typeof axes)[number];

/** What was written; `complete` fills in the rest. */
export type PartialShape = Partial<Readonly<Record<AxisName, number>>>;

const MAX_HEAD = 512;
/** Beyond this, one tensor of ordinary heads no longer fits a typed array. */
const MAX_LENGTH = 2 ** 27;

const limits: Readonly<Record<AxisName, number>> = {
  B: MAX_LENGTH,
  Hq: MAX_LENGTH,
  Hkv: MAX_LENGTH,
  M: MAX_LENGTH,
  N: MAX_LENGTH,
  D: MAX_HEAD,
  Dv: MAX_HEAD,
};

const isAxis = (name: string): name is AxisName => axes.some((axis) => axis === name);

const refuse = (expected: string, got: string): UsageError =>
  new UsageError({
    name: "--shape",
    expected,
    got: JSON.stringify(got),
    remedy: "write for example --shape B=1,Hq=8,Hkv=2,M=1024,D=64",
  });

export function parseShape(text: string): PartialShape {
  const lengths = new Map<AxisName, number>();
  for (const part of text.split(",")) {
    const match = /^(\w+)=(\d+)$/.exec(part.trim());
    const [, axis = "", digits = ""] = match ?? [];
    if (!isAxis(axis)) throw refuse(`axes of ${axes.join(", ")}`, part);
    const length = Number(digits);
    if (length < 1 || length > limits[axis])
      throw refuse(`${axis} from 1 to ${limits[axis]}`, digits);
    if (lengths.has(axis)) throw refuse(`${axis} once`, text);
    lengths.set(axis, length);
  }
  return Object.fromEntries(lengths);
}

/** Hkv is Hq, N is M and Dv is D where they are not given. @throws UsageError Hq is not a multiple of Hkv */
export function completeShape(
  given: PartialShape,
  fallback: Pick<Shape, "B" | "Hq" | "M" | "D">,
): Shape {
  const { B, Hq, M, D } = { ...fallback, ...given };
  const { Hkv = Hq, N = M, Dv = D } = given;
  if (Hq % Hkv !== 0) throw refuse("Hq to be a multiple of Hkv", `Hq=${Hq},Hkv=${Hkv}`);
  return { B, Hq, Hkv, M, N, D, Dv };
}

export const shapeOption = (help: string): Option<PartialShape | null> => ({
  help,
  value: "axes",
  fallback: null,
  read: parseShape,
});

/** For people, for example `B1 Hq8 Hkv2 M1024 N1024 D64`; Dv only where it differs. */
export const shapeText = ({ B, Hq, Hkv, M, N, D, Dv }: Shape): string =>
  `B${B} Hq${Hq} Hkv${Hkv} M${M} N${N} D${D}${Dv === D ? "" : ` Dv${Dv}`}`;
