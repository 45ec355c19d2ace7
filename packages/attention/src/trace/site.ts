/** Places in the user's text, and how to refuse what stands there. */
import { spanOf } from "./source.ts";
import type { Range, Source } from "./source.ts";
import { TraceError } from "./trace-error.ts";

export interface Site {
  readonly source: Source;
  readonly node: Range;
}

/** Refuses the user's function at this place: what is wrong, and what to write instead. */
export function fail(site: Site, problem: string, remedy: string): never {
  throw new TraceError(problem, spanOf(site.source, site.node), remedy);
}
