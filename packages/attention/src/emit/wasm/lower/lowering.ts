/**
 * From an expression graph to instructions, at one place of a kernel.
 *
 * Every node gets its own locals, once. A node that depends on neither the lane axis nor the score is one scalar, computed
 * once for all lanes; any other is one vector per vector of the place. `hoist` emits what does not change in the loop
 * that follows, `root` the rest, inside it.
 */
import { topological } from "../../../ir/builder.ts";
import type { Axis, Node } from "../../../ir/types.ts";
import { internalError } from "../../../errors.ts";
import { f32, i32 } from "../asm/expression.ts";
import type { I32, V128 } from "../asm/expression.ts";
import type { FunctionBuilder, Local } from "../asm/function.ts";
import { emitterOf } from "../context.ts";
import type { KernelContext } from "../context.ts";
import { floatAt, wordAt } from "../lanes.ts";
import type { Emitter } from "../math/emitter.ts";
import { laneForm } from "./lane-ops.ts";
import type { LaneOperand } from "./lane-ops.ts";
import { identifier, stepOf, TensorReader } from "./loads.ts";
import type { LoadIndex, PreparedLoad } from "./loads.ts";
import { scalarForm, spread } from "./scalar-ops.ts";
import type { Scalar } from "./scalar-ops.ts";

/** What a node may depend on. */
export type Source = Axis | "score";

/** Where an expression is evaluated. */
export interface Site {
  /** The axis along the four lanes: queries in forward, keys in decode. */
  readonly laneAxis: "q" | "kv";
  /** The lane axis: positions, one vector per vector computed side by side. */
  readonly lanes: readonly Local<"v128">[];
  /** The other axes. */
  readonly scalars: Readonly<Partial<Record<Axis, I32>>>;
  /** The scores, as many vectors; for score functions. */
  readonly score?: readonly Local<"v128">[];
}

export class Lowering {
  readonly #e: Emitter;
  readonly #context: KernelContext;
  readonly #site: Site;
  readonly #root: Node;
  readonly #nodes: readonly Node[];
  readonly #sources = new Map<Node, ReadonlySet<Source>>();
  /** Nodes that some vector is computed from. */
  readonly #feedsLanes = new Set<Node>();
  readonly #scalars = new Map<Node, Scalar>();
  readonly #vectors = new Map<Node, readonly Local<"v128">[]>();
  readonly #tensors: TensorReader;
  /** Loads whose addresses have been begun, one for each vector. */
  readonly #prepared = new Map<Node, readonly PreparedLoad[]>();

  constructor(context: KernelContext, f: FunctionBuilder, root: Node, site: Site) {
    this.#context = context;
    this.#e = emitterOf(context, f);
    this.#site = site;
    this.#root = root;
    this.#nodes = topological([root]);
    this.#tensors = new TensorReader(f, context.registers.params, context.captures.tensors);
    for (const node of this.#nodes) this.#sources.set(node, this.#sourcesOf(node));
    for (const node of this.#nodes) {
      if (!this.#isUniform(node)) for (const arg of node.args) this.#feedsLanes.add(arg);
    }
    this.#feedsLanes.add(root);
  }

  /** Emits all nodes that depend on none of these, and what can be said of the addresses of loads that do. */
  hoist(varying: readonly Source[]): void {
    for (const node of this.#nodes) {
      const sources = this.#sources.get(node);
      if (!varying.some((source) => sources?.has(source))) this.#emit(node);
      else if (node.op === "load" && !this.#isUniform(node)) this.#prepare(node);
    }
  }

  /** Emits what is left; the root's value, one vector per vector of the site. */
  root(): readonly Local<"v128">[] {
    for (const node of this.#nodes) this.#emit(node);
    return this.#lanesOf(this.#root);
  }

  #sourcesOf(node: Node): ReadonlySet<Source> {
    if (node.op === "index") return new Set([node.attr as Axis]);
    if (node.op === "score") return new Set(["score"]);
    return new Set(node.args.flatMap((arg) => [...(this.#sources.get(arg) ?? [])]));
  }

  /** Whether all lanes agree on the value. */
  #isUniform(node: Node): boolean {
    const sources = this.#sources.get(node);
    return sources?.has(this.#site.laneAxis) !== true && sources?.has("score") !== true;
  }

  #emit(node: Node): void {
    if (this.#scalars.has(node) || this.#vectors.has(node)) return;
    if (!this.#isUniform(node)) {
      this.#vectors.set(node, this.#vectorsOf(node));
      return;
    }
    this.#scalars.set(node, this.#scalarOf(node));
    // Spread to the lanes where the scalar is computed: outside the loop if that is where.
    if (this.#feedsLanes.has(node)) this.#lanesOf(node);
  }

  #scalarOf(node: Node): Scalar {
    const { f } = this.#e;
    switch (node.op) {
      case "const":
        return node.type === "f32" ? f32(Number(node.attr)) : i32(Number(node.attr));
      case "index":
        return this.#axis(node.attr as Axis);
      case "uniform":
        return f.let(identifier(String(node.attr)), this.#uniform(node));
      case "load": {
        const indices = node.args.map((arg) => this.#integer(arg));
        return f.let("load", this.#tensors.scalar(String(node.attr), indices));
      }
      default: {
        const args = node.args.map((arg) => this.#scalar(arg));
        return f.let(node.op, scalarForm(this.#e, node, args));
      }
    }
  }

  #vectorsOf(node: Node): readonly Local<"v128">[] {
    const { f } = this.#e;
    if (node.op === "index") return this.#site.lanes;
    if (node.op === "score") {
      if (this.#site.score === undefined) throw internalError("a mask reads the score");
      return this.#site.score;
    }
    return this.#site.lanes.map((_, vector) => {
      const value = node.op === "load" ? this.#gather(node, vector) : this.#operator(node, vector);
      return f.let(node.op, value);
    });
  }

  #operator(node: Node, vector: number): V128 {
    const args = node.args.map((arg): LaneOperand => {
      const lanes = this.#lanesOf(arg)[vector];
      if (lanes === undefined) throw internalError("a vector is missing");
      const scalar = arg.type === "i32" && this.#isUniform(arg) ? this.#integer(arg) : null;
      const literal = arg.op === "const" && arg.type === "i32" ? Number(arg.attr) : null;
      return { lanes, scalar, literal };
    });
    return laneForm(node)(this.#e, args);
  }

  #prepare(node: Node): readonly PreparedLoad[] {
    const run = this.#runOf(node);
    const prepared = this.#site.lanes.map((_, vector) => {
      const indices = this.#indices(node, vector);
      // The one load of a run starts at an index, not at an address.
      const last = indices.at(-1);
      if (run !== 0 && last?.type === "v128") indices.splice(-1, 1, null);
      return this.#tensors.prepare(String(node.attr), indices);
    });
    this.#prepared.set(node, prepared);
    return prepared;
  }

  #gather(node: Node, vector: number): V128 {
    const prepared = (this.#prepared.get(node) ?? this.#prepare(node))[vector];
    if (prepared === undefined) throw internalError("a vector is missing");
    return this.#tensors.lanes(prepared, this.#indices(node, vector), this.#runOf(node));
  }

  /** Those that are known by now; null for the others. */
  #indices(node: Node, vector: number): LoadIndex[] {
    return node.args.map((arg) => {
      if (!this.#isUniform(arg)) return this.#vectors.get(arg)?.[vector] ?? null;
      return this.#scalars.has(arg) ? this.#integer(arg) : null;
    });
  }

  /** Whether the last index rises or falls by one from lane to lane. */
  #runOf(node: Node): 1 | -1 | 0 {
    const last = node.args.at(-1);
    const { laneAxis } = this.#site;
    const step = last === undefined ? null : stepOf(last, laneAxis, (arg) => this.#isUniform(arg));
    return step === 1 || step === -1 ? step : 0;
  }

  /** A node's value as vectors, spread from the scalar where that is what it is. */
  #lanesOf(node: Node): readonly Local<"v128">[] {
    const known = this.#vectors.get(node);
    if (known !== undefined) return known;
    const { f } = this.#e;
    const value = this.#scalar(node);
    const one =
      node.op === "const" ? literalLanes(f, node) : spread(f, value, node.type === "bool");
    const made = this.#site.lanes.map(() => one);
    this.#vectors.set(node, made);
    return made;
  }

  #scalar(node: Node): Scalar {
    const value = this.#scalars.get(node);
    if (value === undefined) throw internalError(`${node.op} is used before it is computed`);
    return value;
  }

  #integer(node: Node): I32 {
    const value = this.#scalar(node);
    if (value.type !== "i32") throw internalError(`${node.op} is no integer`);
    return value as I32;
  }

  #axis(axis: Axis): I32 {
    const value = this.#site.scalars[axis];
    if (value === undefined) throw internalError(`no axis ${axis} here`);
    return value;
  }

  #uniform(node: Node): Scalar {
    const { captures, registers } = this.#context;
    const slot = captures.uniforms.find(({ name }) => name === node.attr);
    if (slot === undefined) throw internalError(`no captured number ${String(node.attr)}`);
    return slot.type === "f32"
      ? floatAt(registers.params, slot.word)
      : wordAt(registers.params, slot.word);
  }
}

/** A literal in all lanes, from the function's constants. */
function literalLanes(f: FunctionBuilder, { type, attr }: Node): Local<"v128"> {
  if (type === "f32") return f.lanes(Number(attr));
  return f.words(type === "bool" ? -Number(attr) : Number(attr));
}
