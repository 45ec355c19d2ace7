// PyTorch on the CPU, in a Python process of its own: the one that VIGIL_PYTHON names, else python3.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const python = process.env.VIGIL_PYTHON ?? "python3";

/** The end of what Python complains about: the error itself. */
const lastLine = (text) => text.trim().split("\n").at(-1) ?? "";

/** One request at a time, a line of JSON each. */
class Python {
  #child;
  #lines;
  #failed;
  #complaint = "";

  constructor(way) {
    this.#child = spawn(python, [join(import.meta.dirname, "torch_peer.py"), way], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, OMP_NUM_THREADS: "1", MKL_NUM_THREADS: "1" },
    });
    this.#child.stderr.on("data", (bytes) => {
      this.#complaint = (this.#complaint + bytes).slice(-4000);
    });
    this.#child.stdin.on("error", () => undefined);
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    this.#failed = once(this.#child, "error").then(([error]) => {
      throw new Error(`${python} does not start: ${error.message}`);
    });
    this.#failed.catch(() => undefined); // Told to whoever asks.
    process.on("exit", () => this.#child.kill());
  }

  async ask(request, body) {
    this.#child.stdin.write(`${JSON.stringify({ request, body })}\n`);
    const { value, done } = await Promise.race([this.#lines.next(), this.#failed]);
    if (done) throw new Error(`${python}: ${lastLine(this.#complaint) || "it ended"}`);
    const { result, error } = JSON.parse(value);
    if (error !== undefined) throw new Error(error);
    return result;
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }) =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** A `Float32Array`, or raw bits. */
function numbersIn(file, dtype) {
  const { buffer, byteOffset, byteLength } = Uint8Array.from(readFileSync(file));
  return dtype === "f32"
    ? new Float32Array(buffer, byteOffset, byteLength / 4)
    : new Uint16Array(buffer, byteOffset, byteLength / 2);
}

const prepare = (peer) => async (problem) => {
  const { query, key, value, ...rest } = problem;
  const folder = mkdtempSync(join(tmpdir(), "vigil-torch-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.on("exit", remove);
  const files = Object.entries({ query, key, value }).map(([name, data]) => {
    const path = join(folder, name);
    writeFileSync(path, bytesOf(data));
    return path;
  });
  await peer.ask("prepare", { ...rest, files });
  const file = join(folder, "out");
  return {
    run: () => peer.ask("run"),
    async output() {
      await peer.ask("output", { file });
      return numbersIn(file, problem.dtype);
    },
    async release() {
      await peer.ask("release");
      process.off("exit", remove);
      remove();
    },
  };
};

/**
 * @param {"sdpa" | "flex"} way
 * @param {Pick<import("./peer.mjs").Peer, "variants"> & { formulation: string }} what
 * @returns {Promise<import("./peer.mjs").Peer>}
 */
export async function openTorch(way, { formulation, variants }) {
  const peer = new Python(way);
  const { version } = await peer.ask("open");
  return {
    version,
    kind: "native",
    dtypes: ["f32", "bf16"],
    variants,
    formulations: { [formulation]: prepare(peer) },
  };
}
