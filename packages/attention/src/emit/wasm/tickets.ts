/** Threads share items by taking tickets from one counter: who computes what has no influence on what is computed. */
import { PARAM } from "./abi.ts";
import { atomicAdd, i32, op, perform, store } from "./asm/expression.ts";
import type { Callee } from "./asm/expression.ts";
import { param } from "./context.ts";
import type { KernelContext } from "./context.ts";
import { plus, times, wordAt } from "./lanes.ts";

interface Queue {
  readonly ticket: "ticket" | "combineTicket";
  readonly count: "itemCount" | "combineCount";
  readonly recordsAt: "itemsAt" | "combinesAt";
  readonly recordWords: number;
}

/** Exports `name(params, scratch)`: performs `work(record, ticket)` for each ticket until none is left. */
export function ticketFunction(
  context: KernelContext,
  name: string,
  queue: Queue,
  work: Callee,
): void {
  const { module, registers, target } = context;
  module.function(
    name,
    { params: "i32", scratch: "i32" },
    (f, { params, scratch }) => {
      f.do(registers.params.set(params));
      f.do(registers.scratch.set(scratch));
      const ticket = f.local("i32", "ticket");
      const counter = plus(params, PARAM[queue.ticket] * 4);
      f.loop("items", (again) => {
        if (target.shared) f.set(ticket, atomicAdd(counter, i32(1)));
        else {
          f.set(ticket, wordAt(params, PARAM[queue.ticket]));
          f.do(store("i32.store", counter, plus(ticket, 1)));
        }
        f.if(op("i32.lt_u", ticket, param(context, queue.count)), () => {
          const record = plus(
            param(context, queue.recordsAt),
            times(ticket, queue.recordWords * 4),
          );
          f.do(perform(work, record, ticket));
          f.branch(again);
        });
      });
      return undefined;
    },
    { exported: true },
  );
}
