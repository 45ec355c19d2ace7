/** Real text for the demo: files of this repository, packed as documents into one sequence of bytes. */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { repositoryRoot } from "../measure/machine.ts";
import { UsageError } from "../usage-error.ts";

export interface CorpusDocument {
  /** From the repository's root, with forward slashes. */
  readonly path: string;
  readonly tokens: number;
}

export interface Corpus {
  readonly documents: readonly CorpusDocument[];
  /** One token per byte. */
  readonly bytes: Uint8Array;
  /** The document of each token. */
  readonly ids: Int32Array;
}

/** What is read, in this order; a folder gives its source files by name. */
const sources = [
  "README.md",
  "ARCHITECTURE.md",
  "packages/attention/src/api/attention.ts",
  "CONTRIBUTING.md",
  "packages/attention/src/variants",
  "packages/attention/src/ir",
  "LICENSE",
] as const;

/** The longest document, as a share of the sequence: several have to fit. */
const LARGEST_SHARE = 0.3;

async function filesOf(source: string): Promise<readonly string[]> {
  const path = join(repositoryRoot, source);
  if (!existsSync(path)) return [];
  if (/\.\w+$|LICENSE$/.test(source)) return [path];
  const names = (await readdir(path)).filter(
    (name) => name.endsWith(".ts") && !name.includes(".test."),
  );
  return names.toSorted().map((name) => join(path, name));
}

/** Lengths that differ, as those of documents do: 30 %, 12 %, 21 %, ... of the sequence. */
const shares = [1, 0.4, 0.7, 0.25, 0.55] as const;

const lengthOf = (at: number, total: number): number =>
  Math.round(total * LARGEST_SHARE * (shares[at % shares.length] ?? 1));

/** The beginnings of files, one after the other, until there are `length` tokens. */
export async function packCorpus(length: number): Promise<Corpus> {
  const bytes = new Uint8Array(length);
  const ids = new Int32Array(length);
  const documents: CorpusDocument[] = [];
  let at = 0;
  const files = (await Promise.all(sources.map(filesOf))).flat();
  for (const file of files) {
    if (at === length) break;
    const content = await readFile(file);
    const tokens = Math.min(content.length, lengthOf(documents.length, length), length - at);
    bytes.set(content.subarray(0, tokens), at);
    ids.fill(documents.length, at, at + tokens);
    documents.push({ path: relative(repositoryRoot, file).split(sep).join("/"), tokens });
    at += tokens;
  }
  if (at === length) return { documents, bytes, ids };
  throw new UsageError({
    name: "demo",
    expected: `${length} bytes of the repository's own files`,
    got: `${at} in ${repositoryRoot}`,
    remedy: "run it from a clone of the repository",
  });
}
