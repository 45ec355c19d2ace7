/** What the parts of one kernel's text share. */
import type { Expression } from "../../ir/types.ts";
import type { KernelSpec } from "../../runtime/device.ts";
import { captureLayout } from "./abi.ts";
import type { NativeTarget } from "./abi.ts";
import { Captures } from "./lower/loads.ts";
import { lower } from "./lower/lowering.ts";
import type { Lowered, Site } from "./lower/lowering.ts";

export interface KernelContext {
  readonly spec: KernelSpec;
  readonly target: NativeTarget;
  /** Prefix of every function of the kernel. */
  readonly symbol: string;
  readonly captures: Captures;
}

export const kernelContext = (
  spec: KernelSpec,
  target: NativeTarget,
  symbol: string,
): KernelContext => ({ spec, target, symbol, captures: new Captures(captureLayout(spec)) });

export const hasMask = ({ spec }: KernelContext): boolean => spec.mask !== null || spec.maskBits;

/** An expression's statements at a site; nothing where there is no expression. */
export const lowered = (
  { captures }: KernelContext,
  expression: Expression | null,
  site: Site,
): Lowered | null => (expression === null ? null : lower(expression.root, site, captures));

const indent = (lines: readonly string[], by: number): string =>
  lines.map((line) => `${" ".repeat(by)}${line}`).join("\n");

/** Fills `@name` in a template: lines where it stands alone, else one text. A template's functions are `$name`. */
export function fill(
  template: string,
  { symbol }: Pick<KernelContext, "symbol">,
  parts: Readonly<Record<string, string | readonly string[]>>,
): string {
  const withParts = Object.entries(parts).reduce((text, [name, part]) => {
    if (typeof part === "string") return text.replaceAll(`@${name}`, () => part);
    return text.replaceAll(new RegExp(`^( *)@${name}\\n`, "gm"), (_, spaces: string) =>
      part.length === 0 ? "" : `${indent(part, spaces.length)}\n`,
    );
  }, template);
  return withParts.replaceAll("$", () => `${symbol}_`);
}
