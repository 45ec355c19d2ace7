/** Builds the body of one function: locals, statements, structured control flow. */
import type { Callee, Expr, I32, V128 } from "./expression.ts";
import { leb } from "./bytes.ts";
import { f32, f64, i32, op } from "./expression.ts";
import type { ValueType } from "./instructions.ts";

/** A local or parameter; as an expression it is its value. */
export interface Local<T extends ValueType = ValueType> extends Expr<T> {
  readonly name: string;
  readonly index: number;
}

/** A target of branches: the end of a block, or the start of a loop. */
export interface Label {
  readonly name: string;
}

export type Statement =
  | { readonly kind: "do"; readonly expr: Expr }
  | { readonly kind: "note"; readonly text: string }
  | {
      readonly kind: "block" | "loop";
      readonly label: Label;
      readonly body: readonly Statement[];
    }
  | {
      readonly kind: "if";
      readonly condition: I32;
      readonly then: readonly Statement[];
      readonly otherwise: readonly Statement[];
    }
  | { readonly kind: "branch"; readonly to: Label; readonly condition: I32 | null };

const indexed = (opcode: number, index: number): number[] => [opcode, ...leb(index)];

export class FunctionBuilder implements Callee {
  readonly name: string;
  readonly params: readonly ValueType[];
  readonly result: ValueType | null;
  index = -1;
  /** Parameters first, then locals in the order of creation. */
  readonly locals: Local[] = [];
  readonly #names = new Set<string>();
  /** What runs before the body: see `lanes`. */
  readonly #prologue: Statement[] = [];
  readonly #constants = new Map<string, Local<"v128">>();
  readonly #body: Statement[] = [];
  #open: Statement[] = this.#body;

  constructor(name: string, params: readonly ValueType[], result: ValueType | null) {
    this.name = name;
    this.params = params;
    this.result = result;
  }

  get body(): readonly Statement[] {
    return [...this.#prologue, ...this.#body];
  }

  /** A new local, zero until it is set; a name already taken gets a number. */
  local<T extends ValueType>(type: T, name: string): Local<T> {
    let unique = name;
    for (let n = 2; this.#names.has(unique); n++) unique = `${name}.${n}`;
    this.#names.add(unique);
    const index = this.locals.length;
    const code = indexed(0x20, index);
    const local: Local<T> = {
      type,
      name: unique,
      index,
      head: `local.get $${unique}`,
      code,
      args: [],
    };
    this.locals.push(local);
    return local;
  }

  /** A new local that holds the value. */
  let<T extends ValueType>(name: string, value: Expr<T>): Local<T> {
    const local = this.local(value.type, name);
    this.set(local, value);
    return local;
  }

  set<T extends ValueType>(local: Local<T>, value: Expr<T>): void {
    const code = indexed(0x21, local.index);
    this.do({ type: "none", head: `local.set $${local.name}`, code, args: [value] });
  }

  /** Sets the local and yields the value. */
  tee<T extends ValueType>(local: Local<T>, value: Expr<T>): Expr<T> {
    const code = indexed(0x22, local.index);
    return { type: local.type, head: `local.tee $${local.name}`, code, args: [value] };
  }

  /**
   * A constant in all four lanes, in a local that is set once, before the body. V8 builds a `v128.const` anew in
   * every round of a loop; a local stays in a register, or is an operand on the stack.
   */
  lanes(value: number): Local<"v128"> {
    const key = `c${Object.is(value, -0) ? "-0" : value}`;
    return this.constant(key, () => op("f32x4.splat", f32(value)));
  }

  /** The same in both lanes of float64. */
  doubles(value: number): Local<"v128"> {
    return this.constant(`d${value}`, () => op("f64x2.splat", f64(value)));
  }

  /** The same for 32 bits in all four lanes. */
  words(value: number): Local<"v128"> {
    return this.constant(`i${value | 0}`, () => op("i32x4.splat", i32(value)));
  }

  /** A constant of any shape, kept under `key`, set once before the body. */
  constant(key: string, make: () => V128): Local<"v128"> {
    const made = this.#constants.get(key);
    if (made !== undefined) return made;
    const local = this.local("v128", key);
    this.#constants.set(key, local);
    this.prologue(() => this.set(local, make()));
    return local;
  }

  /** Adds statements that run before the body, however deep the body is open. */
  prologue(fill: () => void): void {
    this.#prologue.push(...this.#collect(fill));
  }

  do(expr: Expr): void {
    this.#open.push({ kind: "do", expr });
  }

  /** A comment in the text. */
  note(text: string): void {
    this.#open.push({ kind: "note", text });
  }

  /** Runs `body`; branching to the label leaves it. */
  block(name: string, body: (out: Label) => void): void {
    this.#nest("block", name, body);
  }

  /** Runs `body` once; branching to the label runs it again. */
  loop(name: string, body: (again: Label) => void): void {
    this.#nest("loop", name, body);
  }

  if(condition: I32, then: () => void, otherwise: () => void = () => {}): void {
    const statement = {
      kind: "if" as const,
      condition,
      then: this.#collect(then),
      otherwise: this.#collect(otherwise),
    };
    this.#open.push(statement);
  }

  branch(to: Label, condition: I32 | null = null): void {
    this.#open.push({ kind: "branch", to, condition });
  }

  /** Runs `body` as long as the condition holds before it. */
  while(name: string, condition: I32, body: () => void): void {
    this.if(condition, () =>
      this.loop(name, (again) => {
        body();
        this.branch(again, condition);
      }),
    );
  }

  /** `for (; counter < end; counter += step)`, unsigned. */
  countUp(name: string, counter: Local<"i32">, end: I32, step: number, body: () => void): void {
    this.while(name, op("i32.lt_u", counter, end), () => {
      body();
      this.set(counter, op("i32.add", counter, i32(step)));
    });
  }

  #nest(kind: "block" | "loop", name: string, body: (label: Label) => void): void {
    const label = { name };
    const inside = this.#collect(() => body(label));
    this.#open.push({ kind, label, body: inside });
  }

  #collect(fill: () => void): readonly Statement[] {
    const outer = this.#open;
    const inside: Statement[] = [];
    this.#open = inside;
    fill();
    this.#open = outer;
    return inside;
  }
}
