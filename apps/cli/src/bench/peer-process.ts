/** The peers of `bench/peers`: installed when first needed, each run in a process of its own. */
import { fork, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "../measure/machine.ts";
import { UsageError } from "../usage-error.ts";

export const peersFolder: string = join(repositoryRoot, "bench", "peers");

const installed = (): boolean =>
  existsSync(join(peersFolder, "node_modules", ".package-lock.json"));

/** Installs the folder's own lock file unless that has been done. @throws UsageError if it may not or cannot */
export function installPeers(mayInstall: boolean, say: (text: string) => void): void {
  if (installed()) return;
  const manual = "npm ci --ignore-scripts in bench/peers";
  if (!existsSync(join(peersFolder, "package-lock.json"))) {
    throw new UsageError({
      name: "bench peers",
      expected: "a clone of the repository, with bench/peers",
      got: "no such folder",
      remedy: "run it from a clone",
    });
  }
  if (!mayInstall) {
    throw new UsageError({
      name: "--no-install",
      expected: "bench/peers to be installed",
      got: "no node_modules there",
      remedy: `leave the option out, or run ${manual}`,
    });
  }
  say(`installing onnxruntime-web, onnxruntime-node and jax-js: ${manual} (440 MB)`);
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const npm = process.env.npm_execpath;
  // npm's output goes to stderr: stdout belongs to the result. A .cmd file needs a shell on Windows.
  const options = { cwd: peersFolder, stdio: ["ignore", 2, 2] as ["ignore", 2, 2] };
  const done =
    npm?.endsWith(".js") === true
      ? spawnSync(process.execPath, [npm, ...args], options)
      : spawnSync("npm", args, { ...options, shell: process.platform === "win32" });
  if (done.status === 0) return;
  throw new UsageError({
    name: "bench peers",
    expected: `${manual} to succeed`,
    got: done.error?.message ?? `exit code ${done.status}`,
    remedy: "see npm's message above",
  });
}

/** See bench/peers/peer.mjs. */
export interface PeerInfo {
  readonly version: string;
  readonly kind: "wasm" | "native";
  readonly dtypes: readonly string[];
  readonly variants: readonly string[];
  readonly formulations: readonly string[];
}

export interface PeerProblem {
  readonly B: number;
  readonly H: number;
  readonly S: number;
  readonly D: number;
  readonly dtype: string;
  readonly variant: string;
  readonly causal: boolean;
  readonly parameters: PeerParameters;
  readonly query: PeerNumbers;
  readonly key: PeerNumbers;
  readonly value: PeerNumbers;
}

/** f32, or the raw bits of 16-bit numbers. */
export type PeerNumbers = Float32Array | Uint16Array;

/** Of alibi, sliding-window and soft-cap: what ours captures. */
export interface PeerParameters {
  readonly slopes: readonly number[];
  readonly width: number;
  readonly cap: number;
}

/** Requests that a peer process answers, and with what. */
interface Answers {
  readonly open: PeerInfo;
  readonly prepare: undefined;
  readonly run: { readonly ms: number; readonly cpuMs: number };
  readonly output: PeerNumbers;
  readonly release: undefined;
}

type Reply<T> = { readonly result: T } | { readonly error: string };

export class PeerProcess implements AsyncDisposable {
  readonly name: string;
  readonly #child: ChildProcess;

  constructor(name: string) {
    this.name = name;
    this.#child = fork(join(peersFolder, "serve.mjs"), [name], {
      cwd: peersFolder,
      serialization: "advanced", // Typed arrays arrive as typed arrays.
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
  }

  /** One request at a time. @throws Error what the peer refused, or that its process ended */
  async ask<R extends keyof Answers>(request: R, body?: unknown): Promise<Answers[R]> {
    const ended = new AbortController();
    const exit = once(this.#child, "exit", { signal: ended.signal }).then(([code]) => {
      throw new Error(`${this.name}: its process ended (${String(code)})`);
    });
    this.#child.send({ request, body });
    const message = once(this.#child, "message", { signal: ended.signal });
    try {
      const [reply] = (await Promise.race([message, exit])) as [Reply<Answers[R]>];
      if ("error" in reply) throw new Error(`${this.name}: ${reply.error}`);
      return reply.result;
    } finally {
      // Whoever lost the race stops listening.
      ended.abort();
      await Promise.allSettled([message, exit]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exit = once(this.#child, "exit");
    this.#child.kill();
    await exit;
  }
}
