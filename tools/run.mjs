// Starts a script of this repository on its own Node, from a fresh clone on:
//   node tools/run.mjs [NAME=value ...] <script> [arguments ...]
// Plain JavaScript, because the machine's Node may be too old to read TypeScript.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));

/** The package that carries Node's binary, by `platform-arch`, and where in it the binary lies. */
const nodeBinaries = JSON.parse(readFileSync(join(here, "node-binaries.json"), "utf8"));

const packagesIn = (file) => {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages;
  } catch {
    return undefined; // An interrupted install leaves half a file: the same as none.
  }
};

/**
 * The first package in which `root`'s node_modules differs from its package-lock.json, or undefined
 * when they agree. npm records what it installed in node_modules/.package-lock.json; optional
 * packages belong to other platforms.
 */
function staleReason(root, binary) {
  const wanted = packagesIn(join(root, "package-lock.json")) ?? {};
  const installed = packagesIn(join(root, "node_modules", ".package-lock.json"));
  if (installed === undefined) return "nothing is installed yet";
  for (const [path, { version, link, optional }] of Object.entries(wanted)) {
    if (path === "" || optional) continue;
    const found = installed[path];
    if (found === undefined || found.version !== version || found.link !== link) {
      return `${path.replace(/^.*node_modules\//, "")} is not the version in package-lock.json`;
    }
  }
  return existsSync(binary) ? undefined : `${binary} is missing`;
}

function install(root, reason) {
  console.log(`set-up: installing dependencies into node_modules (${reason}); about half a minute`);
  // npm names itself to its scripts; outside npm, the one on PATH serves. A .cmd file needs a shell
  // on Windows.
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const npm = process.env.npm_execpath;
  const done = npm?.endsWith(".js")
    ? spawnSync(process.execPath, [npm, ...args], { cwd: root, stdio: "inherit" })
    : spawnSync("npm", args, { cwd: root, stdio: "inherit", shell: process.platform === "win32" });
  if (done.status !== 0) {
    console.error("set-up: npm ci failed (above); nothing was run");
    process.exit(1);
  }
}

/** Runs `command` with our terminal, passes signals on, and leaves with its exit code. */
function become(command, args, env) {
  const child = spawn(command, args, { stdio: "inherit", env });
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  // A terminal sends Ctrl-C to the child as well; a second one would read as impatience.
  process.on("SIGINT", () => process.stdin.isTTY || child.kill("SIGINT"));
  child.on("error", (error) => {
    console.error(`cannot start ${command}: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

function main(root, args) {
  const platform = `${process.platform}-${process.arch}`;
  const [name, path] = nodeBinaries[platform] ?? [];
  if (name === undefined) {
    console.error(
      `no Node binary for ${platform}; there is one for: ${Object.keys(nodeBinaries).join(", ")}`,
    );
    process.exit(1);
  }
  const node = join(root, "node_modules", name, path);
  const reason = staleReason(root, node);
  if (reason !== undefined) install(root, reason);

  const env = { ...process.env };
  // Whatever the script starts (`node`, `vitest`) is ours as well. Windows writes the name "Path".
  const pathName = Object.keys(env).find((key) => key.toUpperCase() === "PATH") ?? "PATH";
  const ours = [dirname(node), join(root, "node_modules", ".bin")];
  env[pathName] = [...ours, env[pathName] ?? ""].join(delimiter);
  const rest = [...args];
  while (/^[A-Z_]+=/.test(rest[0] ?? "")) {
    const [key, value] = rest.shift().split("=");
    env[key] = value;
  }
  const [script, ...scriptArgs] = rest;
  if (script === undefined) {
    console.error("usage: node tools/run.mjs [NAME=value ...] <script> [arguments ...]");
    process.exit(2);
  }
  become(node, [resolve(root, script), ...scriptArgs], env);
}

main(dirname(here), process.argv.slice(2));
