/** The fields of a package.json that the build reads or writes; all others pass unchanged. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports?: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly private?: boolean;
}

const built = (source: string, extension: string): string =>
  source.replace(/^\.\/src\//, "./").replace(/\.ts$/, extension);

/**
 * The package.json for the built files: development's points at `src/*.ts`, this one at `*.js`
 * beside itself.
 */
export function builtManifest(manifest: Manifest): Record<string, unknown> {
  const { exports, bin, private: _, ...rest } = manifest;
  return {
    ...rest,
    ...(exports && {
      exports: Object.fromEntries([
        ...Object.entries(exports).map(([name, source]) => [
          name,
          { types: built(source, ".d.ts"), default: built(source, ".js") },
        ]),
        ["./package.json", "./package.json"],
      ]),
    }),
    ...(bin && {
      bin: Object.fromEntries(
        Object.entries(bin).map(([name, source]) => [name, built(source, ".js")]),
      ),
    }),
  };
}
