import { expect, test } from "vitest";
import { formatBytes, formatMs, formatPercent } from "./format.ts";
import { formatTable } from "./table.ts";
import { openTerminal } from "./terminal.ts";
import type { Terminal } from "./terminal.ts";

interface Capture {
  readonly terminal: Terminal;
  readonly out: () => string;
  readonly err: () => string;
}

function capture(options: {
  json?: boolean;
  isTTY?: boolean;
  env?: Record<string, string>;
}): Capture {
  const written = { out: "", err: "" };
  const { json = false, isTTY = false, env = {} } = options;
  const terminal = openTerminal(
    {
      stdout: { write: (text: string) => (written.out += text), isTTY },
      stderr: { write: (text: string) => (written.err += text), isTTY },
      env,
    },
    { json, command: "vigil", signal: new AbortController().signal },
  );
  return { terminal, out: () => written.out, err: () => written.err };
}

test("with --json, stdout carries the object and nothing else", () => {
  const { terminal, out, err } = capture({ json: true });
  terminal.progress("working");
  terminal.print("a table");
  terminal.result({ rows: [1] });
  expect(out()).toBe('{"rows":[1]}\n');
  expect(err()).toBe("working\na table\n");
});

test("without --json, stdout carries the text and no object", () => {
  const { terminal, out } = capture({});
  terminal.print("a table");
  terminal.result({ rows: [1] });
  expect(out()).toBe("a table\n");
});

test("a terminal shows colours, unless NO_COLOR or the terminal says otherwise", () => {
  const red = (options: Parameters<typeof capture>[0]): string =>
    capture(options).terminal.style("red", "x");
  expect(red({ isTTY: true })).toBe("\u001B[31mx\u001B[39m");
  expect(red({ isTTY: true, env: { NO_COLOR: "1" } })).toBe("x");
  expect(red({ isTTY: true, env: { NO_COLOR: "" } })).not.toBe("x");
  expect(red({ isTTY: true, env: { TERM: "dumb" } })).toBe("x");
  expect(red({ isTTY: false })).toBe("x");
});

test("on a terminal, progress replaces progress and gives way to results", () => {
  const { terminal, err } = capture({ isTTY: true });
  terminal.progress("one");
  terminal.progress("two");
  terminal.close();
  expect(err()).toBe("one\r\u001B[Ktwo\r\u001B[K");
});

test("a table lines numbers up on the right and ends no line in blanks", () => {
  const text = formatTable(
    [
      { title: "name", cell: (row: readonly [string, string]) => row[0] },
      { title: "ms", align: "right", cell: (row) => row[1] },
      { title: "note", cell: () => "" },
    ],
    [
      ["causal", "1.5"],
      ["noop", "12.5"],
    ],
  );
  expect(text.split("\n")).toEqual([
    "name      ms  note",
    "------  ----  ----",
    "causal   1.5",
    "noop    12.5",
  ]);
});

test("figures have three digits and a unit", () => {
  expect([0.123, 12.345, 999.4, 1234].map(formatMs)).toEqual([
    "0.12 ms",
    "12.3 ms",
    "999 ms",
    "1.23 s",
  ]);
  expect([0, 512, 1024, 3 * 2 ** 20].map(formatBytes)).toEqual([
    "0 B",
    "512 B",
    "1.00 KiB",
    "3.00 MiB",
  ]);
  expect(formatPercent(0.46875)).toBe("46.9 %");
});
