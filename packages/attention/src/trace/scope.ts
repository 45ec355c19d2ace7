/**
 * Variables. A scope maps names to cells; the store maps cells to values. They are apart because a branch
 * on a condition known only in the kernel runs both ways: each way gets its own copy of the store, and the
 * two copies are merged behind it.
 */
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/types.ts";
import { choose } from "./choose.ts";
import type { Source } from "./source.ts";
import type { Condition, Value } from "./values.ts";

export type CellKind = "const" | "let" | "var" | "param" | "function";

export interface Cell {
  readonly name: string;
  readonly kind: CellKind;
}

export class Scope {
  readonly source: Source;
  readonly parent: Scope | null;
  readonly #cells = new Map<string, Cell>();

  constructor(source: Source, parent: Scope | null) {
    this.source = source;
    this.parent = parent;
  }

  /** The cell of a name in this very scope; declaring it twice (`var a; var a`) gives the same cell. */
  declare(name: string, kind: CellKind): Cell {
    const known = this.#cells.get(name);
    if (known !== undefined) return known;
    const cell: Cell = { name, kind };
    this.#cells.set(name, cell);
    return cell;
  }

  find(name: string): Cell | null {
    return this.#cells.get(name) ?? this.parent?.find(name) ?? null;
  }

  /** The same variables in new cells, for the next turn of a loop. */
  renewed(store: Store): Scope {
    const next = new Scope(this.source, this.parent);
    for (const [name, cell] of this.#cells) {
      const value = store.read(cell);
      const fresh = next.declare(name, cell.kind);
      if (value !== null) store.write(fresh, value);
    }
    return next;
  }
}

export type State = ReadonlyMap<Cell, Value>;

export class Store {
  #values = new Map<Cell, Value>();
  #sealed: ReadonlySet<Cell> = new Set();

  /** From here on, the variables that exist keep their values: the inner function is called for every element. */
  seal(): void {
    this.#sealed = new Set(this.#values.keys());
  }

  isSealed(cell: Cell): boolean {
    return this.#sealed.has(cell);
  }

  /** Null before the declaration has been reached. */
  read(cell: Cell): Value | null {
    return this.#values.get(cell) ?? null;
  }

  write(cell: Cell, value: Value): void {
    this.#values.set(cell, value);
  }

  snapshot(): State {
    return new Map(this.#values);
  }

  restore(state: State): void {
    this.#values = new Map(state);
  }
}

/** The variables behind a branch. One that only one way has declared is out of scope there. */
export function mergeStates(builder: Builder, condition: Node, yes: State, no: State): State {
  const merged = new Map<Cell, Value>();
  for (const [cell, value] of yes) {
    const other = no.get(cell);
    if (other !== undefined) merged.set(cell, choose(builder, condition, value, other));
  }
  return merged;
}

/** Runs one way, or both where the condition is known only in the kernel, and joins what they leave. */
export function fork(
  builder: Builder,
  store: Store,
  condition: Condition,
  yes: () => Value,
  no: () => Value,
): Value {
  if (typeof condition === "boolean") return condition ? yes() : no();
  const before = store.snapshot();
  const yesValue = yes();
  const afterYes = store.snapshot();
  store.restore(before);
  const noValue = no();
  store.restore(mergeStates(builder, condition, afterYes, store.snapshot()));
  return choose(builder, condition, yesValue, noValue);
}
