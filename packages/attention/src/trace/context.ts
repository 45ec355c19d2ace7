/** What every rule of the tracer is given: the graph, the variables, and a way to evaluate sub-expressions. */
import type { Expression } from "acorn";
import type { Builder } from "../ir/builder.ts";
import type { Globals } from "./globals.ts";
import type { Scope, Store } from "./scope.ts";
import type { Site } from "./site.ts";
import type { FunctionNode, Range } from "./source.ts";
import type { CallableValue, Value } from "./values.ts";

export interface Tracer {
  readonly builder: Builder;
  readonly store: Store;
  readonly globals: Globals;
  /** Evaluates one expression, effects on variables included. */
  readonly evaluate: (node: Expression, scope: Scope) => Value;
  /** The function as a value that remembers its scope. */
  readonly closure: (node: FunctionNode, scope: Scope, title: string) => CallableValue;
}

export const siteOf = (scope: Scope, node: Range): Site => ({ source: scope.source, node });
