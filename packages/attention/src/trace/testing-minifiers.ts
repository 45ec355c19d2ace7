/** What people ship their functions through, for tests (development only). */
import swc from "@swc/core";
import { transformSync as esbuild } from "esbuild";
import { minifySync as oxc } from "oxc-minify";
import { minify as terser } from "terser";
import type { HelperFunction } from "./definition.ts";

export type Minify = (code: string) => Promise<string> | string;

const es5 = {
  isModule: false,
  minify: true,
  jsc: { target: "es5", minify: { compress: true, mangle: true } },
} as const;

export const minifiers: Readonly<Record<string, Minify>> = {
  esbuild: (code) => esbuild(code, { minify: true }).code,
  "esbuild with names kept": (code) => esbuild(code, { minify: true, keepNames: true }).code,
  "esbuild with names kept, not minified": (code) => esbuild(code, { keepNames: true }).code,
  terser: async (code) => (await terser(code)).code ?? "",
  "terser in three passes, unsafe": async (code) =>
    (await terser(code, { toplevel: true, compress: { passes: 3, unsafe: true } })).code ?? "",
  swc: (code) => swc.minifySync(code, { compress: true, mangle: true }).code,
  "swc to ES5": (code) => swc.transformSync(code, es5).code,
  "oxc-minify": (code) => oxc("function.js", code).code,
};

/** The function that a script hands to `keep`, after the minifier has been over it. */
export async function minified(minify: Minify, text: string): Promise<HelperFunction> {
  const code = await minify(`keep(${text});`);
  const kept: HelperFunction[] = [];
  new Function("keep", code)((fn: HelperFunction) => kept.push(fn));
  const [fn] = kept;
  if (fn === undefined) throw new Error(`no function in ${code}`);
  return fn;
}
