import fc from "fast-check";
import { expect, test } from "vitest";
import { RunList } from "./run-list.ts";
import { RunLog } from "./run-log.ts";

/** A row: widths and kinds of neighbouring pieces; kind 2 is a gap. */
const row = fc.array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.nat(2)), { maxLength: 12 });

interface Piece {
  readonly row: number;
  readonly start: number;
  readonly end: number;
  readonly kind: number;
}

const piecesOf = (
  widths: readonly (readonly [number, number])[],
  number: number,
): readonly Piece[] => {
  let at = 0;
  return widths.flatMap(([width, kind]) => {
    const start = at;
    at += width;
    return kind === 2 ? [] : [{ row: number, start, end: at, kind }];
  });
};

test("rows whose runs arrive in mixed turns come out as if they came one after another", () => {
  const property = fc.property(
    fc.array(row, { maxLength: 8 }),
    fc.infiniteStream(fc.nat(7)),
    (rows, turns) => {
      const queues = rows.map((widths, number) => [...piecesOf(widths, number)]);
      const log = new RunLog(rows.length);
      const list = new RunList(rows.length);
      for (const queue of queues) {
        for (const { start, end, kind } of queue) list.append(start, end, kind);
        list.endRow();
      }
      for (let left = queues.flat().length; left > 0;) {
        const piece = queues[(turns.next().value ?? 0) % queues.length]?.shift();
        if (piece === undefined) continue;
        log.append(piece.row, piece.start, piece.end, piece.kind, -1);
        left--;
      }
      expect(log.finish()).toEqual(list.finish());
    },
  );
  fc.assert(property);
});

test("a log and a list grow past their first capacity", () => {
  const log = new RunLog(1);
  const list = new RunList(1);
  for (let at = 0; at < 5000; at++) {
    log.append(0, at * 2, at * 2 + 1, 0, -1);
    list.append(at * 2, at * 2 + 1, 0);
  }
  list.endRow();
  const runs = log.finish();
  expect(runs.rowStart[1]).toBe(5000);
  expect(runs).toEqual(list.finish());
});

test("runs with bits are never joined", () => {
  const log = new RunLog(1);
  log.append(0, 0, 8, 1, 4);
  log.append(0, 8, 16, 1, 5);
  expect([...log.finish().runs]).toEqual([0, 8, 1, 4, 8, 16, 1, 5]);
});
