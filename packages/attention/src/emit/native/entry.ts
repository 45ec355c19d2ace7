/** The exported function: phases, each of which threads share by tickets. */
import { fill } from "./context.ts";
import type { KernelContext } from "./context.ts";

const template = `\
EXPORT int32_t @symbol(struct vigil_launch *L) {
  struct $scratch *w = scratch_of(L, sizeof *w);
  if (w == NULL) return -1;
  const unsigned control = flush_begin();
  @phases
  flush_end(control);
  free(w);
  return 0;
}`;

export interface Phases {
  /** Values, and where needed keys, are packed first. */
  readonly packs: boolean;
  /** Decode: splits are combined at the end. */
  readonly combines: boolean;
  /** The CPU's tile registers are set up. */
  readonly tiles: boolean;
}

const each = (ticket: string, count: string, body: string): string =>
  `for (int64_t n; (n = next_ticket(L, &L->${ticket}, L->${count})) >= 0;) ${body}`;

export function entry(context: KernelContext, { packs, combines, tiles }: Phases): string {
  const items = combines
    ? each("ticket", "itemCount", "$item(L, w, n), count_done(&L->done);")
    : each("ticket", "itemCount", "$item(L, w, L->items + 4 * n);");
  const phases = [
    ...(tiles ? ["tiles_begin();"] : []),
    ...(packs
      ? [
          each(
            "packTicket",
            "packCount",
            "$pack(L, w, L->packs + 4 * n), count_done(&L->packDone);",
          ),
          "wait_done(L, &L->packDone, L->packCount);",
        ]
      : []),
    items,
    ...(combines
      ? [
          "wait_done(L, &L->done, L->itemCount);",
          each("combineTicket", "combineCount", "$combine(L, w, L->combines + 4 * n);"),
        ]
      : []),
    ...(tiles ? ["tiles_end();"] : []),
  ];
  return fill(template, context, { symbol: context.symbol, phases });
}
