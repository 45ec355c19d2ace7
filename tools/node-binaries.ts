import { readFileSync } from "node:fs";

/** The npm package that carries Node's binary, and the binary's path in it, by `platform-arch`. */
export const nodeBinaries: Readonly<Record<string, readonly [name: string, path: string]>> =
  JSON.parse(readFileSync(new URL("node-binaries.json", import.meta.url), "utf8")) as Record<
    string,
    [string, string]
  >;
