/** The values of one expression as C: each computed once, at its level, by a statement of its own. */
import type { ScalarType } from "../../../ir/types.ts";
import { joinLevels } from "./levels.ts";
import type { Level } from "./levels.ts";

export type CType = "float" | "int" | "bool" | "long long";

export const ctypes: { readonly [K in ScalarType]: CType } = {
  f32: "float",
  i32: "int",
  bool: "bool",
};

export interface Term {
  readonly type: CType;
  readonly level: Level;
  readonly args: readonly Term[];
  /** The value as C, given its operands as C. */
  readonly text: (args: readonly string[]) => string;
  /** What it is called where it is computed; null: its text is as short, and is repeated. */
  readonly name: string | null;
}

/** A literal, parameter or coordinate: known by this text at its level and in all that it can be read from. */
export const atom = (type: CType, level: Level, text: string): Term => ({
  type,
  level,
  args: [],
  text: () => text,
  name: null,
});

/** Makes terms; equal ones are one. */
export class TermTable {
  readonly #known = new Map<string, Term>();
  readonly #ids = new Map<Term, number>();
  readonly #names = new Map<string, number>();

  /** A value computed from others, as seldom as they allow. `hint` names it. */
  make(type: CType, hint: string, args: readonly Term[], text: Term["text"]): Term {
    const key = `${type} ${text(args.map((arg) => `#${this.#idOf(arg)}`))}`;
    const before = this.#known.get(key);
    if (before !== undefined) return before;
    const level = joinLevels(args.map((arg) => arg.level));
    const made: Term = { type, level, args, text, name: this.#fresh(hint) };
    this.#known.set(key, made);
    return made;
  }

  #fresh(hint: string): string {
    const count = this.#names.get(hint) ?? 0;
    this.#names.set(hint, count + 1);
    return `${hint}${count}`;
  }

  #idOf(term: Term): number {
    const text = term.name ?? term.text([]);
    // Atoms are made anew each time: their text says what they are.
    if (term.name === null) return this.#atomId(text);
    const id = this.#ids.get(term) ?? this.#ids.size;
    this.#ids.set(term, id);
    return id;
  }

  readonly #atoms = new Map<string, number>();

  #atomId(text: string): number {
    const id = this.#atoms.get(text) ?? -1 - this.#atoms.size;
    this.#atoms.set(text, id);
    return id;
  }
}

/** All terms that these are computed from, operands first. */
export function termsOf(roots: readonly Term[]): readonly Term[] {
  const seen = new Set<Term>();
  const path = roots.toReversed();
  for (let term = path.at(-1); term !== undefined; term = path.at(-1)) {
    const next = term.args.find((arg) => !seen.has(arg));
    if (next !== undefined) path.push(next);
    else {
      seen.add(term);
      path.pop();
    }
  }
  return [...seen];
}
