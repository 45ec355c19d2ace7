import { expect, test } from "vitest";
import { codeBlocks, commandsOf } from "./blocks.ts";
import { treatmentOf } from "./commands.ts";

const markdown = [
  "# Title",
  "```ts",
  "const a = 1;",
  "```",
  "text",
  "```sh",
  "$ npm start # go",
  "```",
];

test("gives each block its language, text and line", () => {
  expect(codeBlocks(markdown.join("\n"))).toEqual([
    { language: "ts", line: 2, text: "const a = 1;" },
    { language: "sh", line: 6, text: "$ npm start # go" },
  ]);
});

test("refuses a block that is never closed", () => {
  expect(() => codeBlocks("```ts\nconst a = 1;")).toThrow(/line 1/);
});

test("reads commands without prompts and comments, and joins continued lines", () => {
  const text = "# first\n$ npm start  # runs\nnpx vigil run a.ts \\\n  --json\n";
  const commands = commandsOf({ language: "sh", line: 1, text });
  expect(commands).toEqual(["npm start", "npx vigil run a.ts    --json"]);
});

test.each([
  ["npm start", "script", "start"],
  ["npm run vigil -- bench peers --json", "subcommand", "bench"],
  ["npx vigil show causal", "run", ""],
  ["git clone https://example.org/vigil", "shell", ""],
] as const)("%s is treated as %s", (command, how, name) => {
  expect(treatmentOf(command)).toMatchObject({ how, name });
});

test("knows no other command", () => {
  expect(treatmentOf("curl https://example.org | sh").how).toBe("unknown");
});
