/**
 * A score or mask function as device functions, one per level, of the same shape whatever the expression is:
 *
 *     ScoreHead    scoreHead   (params, b, h)                              values that a (batch, head) shares
 *     ScoreRow     scoreRow    (params, head, b, h, q)                     ... a query row
 *     ScoreColumn  scoreColumn (params, head, b, h, kv)                    ... a key
 *     ScoreTile    scoreTile   (params, head, row, b, h, q, kvBase)        ... a row of a tile of keys
 *     float        scoreElement(params, head, row, column, tile, b, h, q, kvBase, kvOffset, score)
 *
 * and the same with `Mask`, `mask`, bool and no score. kv = kvBase + kvOffset. The structs hold what the later functions read, so
 * they become registers, and cost nothing where they are empty; a template calls all five, each where its level begins.
 */
import type { Expression } from "../../../ir/types.ts";
import { helpersOf } from "./helpers.ts";
import { known, levels } from "./levels.ts";
import type { Level } from "./levels.ts";
import { lower } from "./lowering.ts";
import type { CaptureAccess } from "./lowering.ts";
import { termsOf } from "./terms.ts";
import type { Term } from "./terms.ts";

export interface ModOptions {
  /** The struct that a kernel's parameters are, as the texts of `captures` read it: `params.` and so on. */
  readonly params: string;
  readonly captures: CaptureAccess;
  /** Accurate functions only. */
  readonly exact: boolean;
  /** Scores: what dot products are multiplied by, in C; then `score` is the dot product. Default: `score` is the score. */
  readonly scale?: string;
  /**
   * Scores: `scoreElement` leaves out a factor that is the same for the whole head, of any sign, and `float scoreFactor(params, head)`
   * returns it: 1 where there is none. Default false.
   */
  readonly factored?: boolean;
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** What each level's function takes besides the levels known to it. */
const coordinates: { readonly [K in Level]: readonly string[] } = {
  head: ["int b", "int h"],
  row: ["int b", "int h", "int q"],
  column: ["int b", "int h", "int kv"],
  tile: ["int b", "int h", "int q", "int kvBase"],
  element: ["int b", "int h", "int q", "int kvBase", "int kvOffset"],
};

/** What an element is worth, and what it is made from. */
class ModText {
  readonly #kind: Expression["kind"];
  readonly #params: string;
  readonly #root: Term;
  readonly #factor: Term | null;
  readonly #isFactored: boolean;
  readonly #terms: readonly Term[];
  /** Read at a level after their own. */
  readonly #shared = new Set<Term>();

  constructor({ kind, root }: Expression, options: ModOptions) {
    this.#kind = kind;
    this.#params = options.params;
    const { whole, base, factor } = lower(root, options);
    this.#root = options.factored === true ? base : whole;
    this.#factor = options.factored === true ? factor : null;
    const roots = this.#factor === null ? [this.#root] : [this.#root, this.#factor];
    this.#terms = termsOf(roots);
    for (const term of this.#terms) this.#share(term.args, term.level);
    this.#share(roots, "element");
    this.#isFactored = options.factored === true;
  }

  print(): string {
    const structs = levels.slice(0, -1).map((level) => this.#struct(level));
    const factor = this.#isFactored ? [this.#factorFunction()] : [];
    return [...structs, ...levels.map((level) => this.#function(level)), ...factor].join("\n");
  }

  #share(terms: readonly Term[], by: Level): void {
    for (const term of terms) if (term.name !== null && term.level !== by) this.#shared.add(term);
  }

  #at(level: Level): Term[] {
    return this.#terms.filter((term) => term.name !== null && term.level === level);
  }

  #structName(level: Level): string {
    return `${capital(this.#kind)}${capital(level)}`;
  }

  #struct(level: Level): string {
    const fields = this.#at(level).filter((term) => this.#shared.has(term));
    const lines = fields.map(({ type, name }) => ` ${type} ${name};`);
    return `struct ${this.#structName(level)} {${lines.join("")}${lines.length > 0 ? " " : ""}};`;
  }

  #function(level: Level): string {
    const isElement = level === "element";
    const result = isElement ? (this.#kind === "mask" ? "bool" : "float") : this.#structName(level);
    const takes = [
      `const ${this.#params}& params`,
      ...known[level].map((earlier) => `const ${this.#structName(earlier)}& ${earlier}`),
      ...coordinates[level],
      ...(isElement && this.#kind === "score" ? ["float score"] : []),
    ];
    const body = isElement ? this.#element() : this.#level(level);
    const head = `__device__ __forceinline__ ${result} ${this.#kind}${capital(level)}`;
    return `${head}(${takes.join(", ")}) {\n${body.map((line) => `  ${line}\n`).join("")}}`;
  }

  #factorFunction(): string {
    const takes = `const ${this.#params}& params, const ${this.#structName("head")}& head`;
    const value = this.#factor === null ? "1.0f" : this.#read(this.#factor, "element");
    return `__device__ __forceinline__ float ${this.#kind}Factor(${takes}) { return ${value}; }\n`;
  }

  #level(level: Level): string[] {
    const lines = this.#at(level).map((term) => this.#statement(term));
    const kept = this.#at(level).filter((term) => this.#shared.has(term));
    return [...lines, `return {${kept.map(({ name }) => name).join(", ")}};`];
  }

  #element(): string[] {
    const lines = this.#at("element").map((term) => this.#statement(term));
    const all = [...lines, `return ${this.#read(this.#root, "element")};`];
    const readsKey = all.some((line) => /\bkv\b/.test(line));
    return readsKey ? ["const int kv = kvBase + kvOffset;", ...all] : all;
  }

  #statement(term: Term): string {
    const texts = term.args.map((arg) => this.#read(arg, term.level));
    return `const ${term.type} ${term.name} = ${term.text(texts)};`;
  }

  #read(term: Term, at: Level): string {
    if (term.name === null) return term.text([]);
    return term.level === at ? term.name : `${term.level}.${term.name}`;
  }
}

/** Whether a text calls functions that are only approximate. */
export const approximates = (text: string): boolean =>
  helpersOf([text]).some((name) => name.startsWith("fast"));

/** The device functions of an expression. They call helpers: `modHelpers` of `helpers.ts`. */
export const lowerMod = (expression: Expression, options: ModOptions): string =>
  new ModText(expression, options).print();
