import { chmod, readdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";
import { UnsupportedError } from "../../errors.ts";
import { findCompiler, parseVersion, runCompiler } from "./compiler.ts";
import { type Machine, thisMachine } from "./machine.ts";
import { noCompiler, testFolder } from "./test-library.ts";

const absent = await noCompiler();
const posix = process.platform === "win32" && "posix: programs here are no scripts";

const versions: readonly (readonly [text: string, expected: object | null])[] = [
  [
    "gcc (Debian 12.2.0-14+deb12u1) 12.2.0\nCopyright (C) 2022 Free Software Foundation, Inc.\n",
    { family: "gcc", version: "12.2.0", banner: "gcc (Debian 12.2.0-14+deb12u1) 12.2.0" },
  ],
  [
    "x86_64-linux-gnu-gcc-13 (Ubuntu 13.3.0-6ubuntu2~24.04) 13.3.0\n(C) 2023 Free Software Foundation",
    { family: "gcc", version: "13.3.0" },
  ],
  [
    "cc (GCC) 14.2.1 20240912 (Red Hat 14.2.1-3)\nCopyright (C) 2024 Free Software Foundation, Inc.",
    { family: "gcc", version: "14.2.1" },
  ],
  [
    "Debian clang version 14.0.6\nTarget: x86_64-pc-linux-gnu\n",
    { family: "clang", version: "14.0.6" },
  ],
  ["Ubuntu clang version 18.1.3 (1ubuntu1)\n", { family: "clang", version: "18.1.3" }],
  ["tcc version 0.9.27 (x86_64 Linux)\n", null],
  ["", null],
];

test.for(versions)("of %o it reads family and version", ([text, expected]) => {
  if (expected === null) expect(parseVersion(text)).toBeNull();
  else expect(parseVersion(text)).toMatchObject(expected);
});

/** This machine with an environment of its own. */
const machine = (environment: Machine["environment"]): Machine => ({
  ...thisMachine(),
  environment,
});

/** A program that says it is a compiler, or what else it is given. */
async function program(folder: string, name: string, says: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\necho '${says}'\n`);
  await chmod(path, 0o755);
  return path;
}

const gccSays = "gcc 99.1.0 of the Free Software Foundation";

test("the option comes before CC, and CC before what is on PATH", async ({ skip }) => {
  skip(posix !== false, String(posix));
  const folder = await testFolder();
  const [option, cc] = [
    await program(folder, "option", gccSays),
    await program(folder, "cc-of-environment", "clang version 77.0.1"),
  ];
  await program(folder, "gcc", "gcc 55.0.0 of the Free Software Foundation");
  const here = machine({ CC: `${cc} -m64`, PATH: `${folder}:/usr/bin:/bin` });
  expect(await findCompiler(here, option)).toMatchObject({ command: [option], version: "99.1.0" });
  expect(await findCompiler(here)).toMatchObject({ command: [cc, "-m64"], family: "clang" });
  const plain = machine({ PATH: `${folder}:/usr/bin:/bin` });
  expect(await findCompiler(plain)).toMatchObject({ command: ["gcc"], version: "55.0.0" });
});

test("a compiler that was asked for is taken or refused: no other one steps in", async ({
  skip,
}) => {
  skip(posix !== false, String(posix));
  const folder = await testFolder();
  const tcc = await program(folder, "tcc", "tcc version 0.9.27");
  const { PATH } = process.env;
  for (const [chosen, reason] of [
    ["/absent/gcc", "there is no /absent/gcc"],
    [tcc, `${tcc} is neither gcc nor clang`],
  ] as const) {
    const message = `native: ${reason}; install gcc or clang, or name one`;
    await expect(findCompiler(machine({ PATH }), chosen)).rejects.toThrow(message);
    await expect(findCompiler(machine({ PATH, CC: chosen }))).rejects.toThrow(UnsupportedError);
  }
});

test("without any compiler on PATH it says which were looked for", async () => {
  const none = machine({ PATH: "/absent" });
  await expect(findCompiler(none)).rejects.toThrow(
    "native: no C compiler: none of gcc, clang and cc is on PATH; install gcc or clang",
  );
});

test("an aborted compilation ends at once, with all that the compiler started", async ({
  skip,
}) => {
  skip(posix !== false, String(posix));
  const folder = await testFolder();
  // A driver that waits for its own child, as compilers do.
  const path = join(folder, "slow");
  await writeFile(path, `#!/bin/sh\nsh -c 'sleep 2; touch ${folder}/survived'\n`);
  await chmod(path, 0o755);
  const controller = new AbortController();
  const compiler = { command: [path], family: "gcc", version: "1.0", banner: "slow" } as const;
  const running = runCompiler({
    ...{ compiler, arguments: [], source: "", folder, signal: controller.signal },
  });
  const started = performance.now();
  await setTimeout(200);
  controller.abort(new Error("enough"));
  await expect(running).rejects.toThrow("enough");
  expect(performance.now() - started).toBeLessThan(1900);
  await setTimeout(2300 - (performance.now() - started));
  expect(await readdir(folder)).toEqual(["slow"]);
});

test("a program that cannot be started is an error, and a complaint is handed on", async ({
  skip,
}) => {
  skip(absent !== false, String(absent));
  const { signal } = new AbortController();
  const compiler = await findCompiler(thisMachine());
  const common = { arguments: ["-fsyntax-only", "-x", "c", "-"], folder: tmpdir(), signal };
  const wrong = { ...compiler, command: ["/absent/gcc"] } as const;
  await expect(runCompiler({ ...common, compiler: wrong, source: "" })).rejects.toThrow("ENOENT");
  const bad = await runCompiler({ ...common, compiler, source: "int f(void) { return x; }" });
  expect(bad).toEqual({ ok: false, complaint: expect.stringContaining("x") });
  const good = await runCompiler({ ...common, compiler, source: "int f(void) { return 1; }" });
  expect(good).toEqual({ ok: true, complaint: "" });
});
