/** Builds a module: imports, globals, functions; encodes it as bytes and as text of the same code. */
import { internalError } from "../../../errors.ts";
import { ByteWriter, leb } from "./bytes.ts";
import { f32, i32 } from "./expression.ts";
import type { Callee, Expr } from "./expression.ts";
import { FunctionBuilder } from "./function.ts";
import type { Label, Local, Statement } from "./function.ts";
import type { ValueType } from "./instructions.ts";

export interface Import extends Callee {
  readonly module: string;
}

/** A mutable global: one value per instance, so per thread. As an expression it is its value. */
export interface Global<T extends ValueType = ValueType> extends Expr<T> {
  readonly name: string;
  set(value: Expr<T>): Expr<"none">;
}

export interface MemoryImport {
  readonly shared: boolean;
}

type Locals<P extends Readonly<Record<string, ValueType>>> = {
  readonly [K in keyof P]: Local<P[K]>;
};

export interface FunctionOptions {
  readonly result?: ValueType;
  /** Seen from outside under the function's own name. */
  readonly exported?: boolean;
}

const valueTypes: { readonly [T in ValueType]: number } = {
  i32: 0x7f,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};
const noResult = 0x40;

export class ModuleBuilder {
  readonly imports: Import[] = [];
  readonly functions: FunctionBuilder[] = [];
  readonly globals: Global[] = [];
  readonly exports: FunctionBuilder[] = [];
  memory: MemoryImport | null = null;

  /** Imports `env.memory`. */
  useMemory(memory: MemoryImport): void {
    this.memory = memory;
  }

  /** The import of that name, declared once. */
  import(module: string, name: string, params: readonly ValueType[], result: ValueType): Import {
    const known = this.imports.find((made) => made.module === module && made.name === name);
    if (known !== undefined) return known;
    const made: Import = { module, name, params, result, index: -1 };
    this.imports.push(made);
    return made;
  }

  global<T extends "i32" | "f32">(type: T, name: string): Global<T> {
    const index = leb(this.globals.length);
    const made: Global<T> = {
      type,
      name,
      head: `global.get $${name}`,
      code: [0x23, ...index],
      args: [],
      set: (value) => ({
        type: "none",
        head: `global.set $${name}`,
        code: [0x24, ...index],
        args: [value],
      }),
    };
    this.globals.push(made);
    return made;
  }

  /** A function; `fill` writes its body and returns the result's expression where there is a result. */
  function<P extends Readonly<Record<string, ValueType>>>(
    name: string,
    params: P,
    fill: (f: FunctionBuilder, params: Locals<P>) => Expr | undefined,
    options: FunctionOptions = {},
  ): FunctionBuilder {
    const made = new FunctionBuilder(name, Object.values(params), options.result ?? null);
    const locals = Object.fromEntries(
      Object.entries(params).map(([param, type]) => [param, made.local(type, param)]),
    ) as Locals<P>;
    const result = fill(made, locals);
    if ((result?.type ?? null) !== made.result)
      throw internalError(`${name} yields something else`);
    if (result !== undefined) made.do(result);
    this.functions.push(made);
    if (options.exported === true) this.exports.push(made);
    return made;
  }

  encode(): Uint8Array<ArrayBuffer> {
    [...this.imports, ...this.functions].forEach((callee, index) => (callee.index = index));
    const out = new ByteWriter();
    out.raw([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);
    const types = this.#types();
    section(out, 1, types.list, (to, [params, result]) => {
      to.u8(0x60);
      to.sized(Uint8Array.from(params, (type) => valueTypes[type]));
      to.sized(Uint8Array.from(result === null ? [] : [valueTypes[result]]));
    });
    this.#encodeImports(out, types.indexOf);
    section(out, 3, this.functions, (to, made) => to.u32(types.indexOf(made)));
    section(out, 6, this.globals, encodeGlobal);
    section(out, 7, this.exports, (to, made) => {
      to.name(made.name);
      to.u8(0);
      to.u32(made.index);
    });
    section(out, 10, this.functions, encodeFunction);
    return out.take();
  }

  #types(): { list: [readonly ValueType[], ValueType | null][]; indexOf(callee: Callee): number } {
    const list: [readonly ValueType[], ValueType | null][] = [];
    const numbers = new Map<string, number>();
    const indexOf = ({ params, result }: Callee): number => {
      const key = `${params.join()}:${result}`;
      const known = numbers.get(key);
      if (known !== undefined) return known;
      numbers.set(key, list.length);
      return list.push([params, result]) - 1;
    };
    [...this.imports, ...this.functions].forEach(indexOf);
    return { list, indexOf };
  }

  #encodeImports(out: ByteWriter, typeOf: (callee: Callee) => number): void {
    const memory = this.memory === null ? [] : [this.memory];
    section(out, 2, [...memory, ...this.imports], (to, made) => {
      const isMemory = !("name" in made);
      to.name(isMemory ? "env" : made.module);
      to.name(isMemory ? "memory" : made.name);
      if (!isMemory) {
        to.u8(0);
        to.u32(typeOf(made));
        return;
      }
      // A shared memory must state a maximum; 65,536 pages (4 GiB) admits any.
      to.raw(made.shared ? [0x02, 0x03, 0x01] : [0x02, 0x00, 0x01]);
      if (made.shared) to.u32(65_536);
    });
  }
}

function section<T>(
  out: ByteWriter,
  id: number,
  items: readonly T[],
  write: (to: ByteWriter, item: T) => void,
): void {
  if (items.length === 0) return;
  const content = new ByteWriter();
  content.u32(items.length);
  for (const item of items) write(content, item);
  out.u8(id);
  out.sized(content.view());
}

function encodeGlobal(to: ByteWriter, made: Global): void {
  to.u8(valueTypes[made.type]);
  to.u8(1);
  encodeExpr(to, made.type === "i32" ? i32(0) : f32(0));
  to.u8(0x0b);
}

function encodeFunction(to: ByteWriter, made: FunctionBuilder): void {
  const body = new ByteWriter();
  const runs: [number, ValueType][] = [];
  for (const { type } of made.locals.slice(made.params.length)) {
    const last = runs.at(-1);
    if (last?.[1] === type) last[0]++;
    else runs.push([1, type]);
  }
  body.u32(runs.length);
  for (const [count, type] of runs) {
    body.u32(count);
    body.u8(valueTypes[type]);
  }
  encodeStatements(body, made.body, []);
  body.u8(0x0b);
  to.sized(body.view());
}

function encodeExpr(to: ByteWriter, expr: Expr): void {
  for (const arg of expr.args) encodeExpr(to, arg);
  if ("index" in expr.code) {
    to.u8(0x10);
    to.u32(expr.code.index);
  } else to.raw(expr.code);
}

/** `labels` are the enclosing blocks, outermost first; an `if` is one too. */
function encodeStatements(
  to: ByteWriter,
  body: readonly Statement[],
  labels: readonly (Label | null)[],
): void {
  for (const statement of body) encodeStatement(to, statement, labels);
}

function encodeStatement(
  to: ByteWriter,
  statement: Statement,
  labels: readonly (Label | null)[],
): void {
  switch (statement.kind) {
    case "note":
      return;
    case "do":
      return encodeExpr(to, statement.expr);
    case "branch":
      if (statement.condition !== null) encodeExpr(to, statement.condition);
      to.u8(statement.condition === null ? 0x0c : 0x0d);
      to.u32(labels.length - 1 - labels.lastIndexOf(statement.to));
      return;
    case "if":
      encodeExpr(to, statement.condition);
      to.raw([0x04, noResult]);
      encodeStatements(to, statement.then, [...labels, null]);
      if (statement.otherwise.length > 0) to.u8(0x05);
      encodeStatements(to, statement.otherwise, [...labels, null]);
      to.u8(0x0b);
      return;
    case "block":
    case "loop":
      to.raw([statement.kind === "block" ? 0x02 : 0x03, noResult]);
      encodeStatements(to, statement.body, [...labels, statement.label]);
      to.u8(0x0b);
      return;
    default:
      statement satisfies never;
  }
}
