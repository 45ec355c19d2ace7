/**
 * Puts Vigil's figures on a GPU and PyTorch's, from the same machine, into one table.
 *
 *     vigil bench attention --device cuda --json >attention.json
 *     vigil bench decode --device cuda --json >decode.json
 *     python3 bench/peers/torch_attention.py >peers.jsonl
 *     node bench/cuda/join.mjs attention.json decode.json peers.jsonl [--out bench/results/<name>.json]
 *
 * Prints Markdown; `--out` also keeps the rows. Files may come in any order, and any of them may be missing.
 */
import { readFileSync, writeFileSync } from "node:fs";

const peerNames = ["flex", "cudnn", "fa2"];

/** The last line of a file of ours is one JSON object; every line of the peers' is. */
const objectsIn = (path) =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));

const shapeOf = ({ B, Hq, Hkv, N, D }) => [B, Hq, Hkv, N, D];
const labelOf = ([B, Hq, Hkv, N, D]) => `B${B} H${Hq === Hkv ? Hq : `${Hq}/${Hkv}`} S${N} D${D}`;
const keyOf = (variant, shape) => `${variant} ${shape.join(" ")}`;

/** Times of the peers by case and peer. */
function peersByCase(rows) {
  const found = new Map();
  for (const row of rows) {
    const key = keyOf(row.variant, row.shape);
    found.set(key, { ...found.get(key), [row.peer]: row });
  }
  return found;
}

const ratio = (ours, theirs) => (theirs === undefined ? null : Number((theirs / ours).toFixed(3)));

/** One row of ours, and by how much less time it takes than each peer. */
function joined(row, variant, peers) {
  const shape = shapeOf(row.shape);
  const own = peers.get(keyOf(variant, shape)) ?? {};
  const beside = peerNames.map((name) => {
    const peer = own[name];
    return [name, peer && { ...peer, timesFaster: ratio(row.burstMs, peer.burstMs) }];
  });
  return { ...row, label: labelOf(shape), peers: Object.fromEntries(beside) };
}

const cell = (value) => (value === undefined || value === null ? "" : String(value));

function table(titles, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const bar = titles.map((_, at) => (at < 2 ? "---" : "---:"));
  return [line(titles), line(bar), ...rows.map((cells) => line(cells.map(cell)))].join("\n");
}

/** `figure` of a peer, with how many times less time we take. */
function peerCell(row, name, figure) {
  const peer = row.peers[name];
  if (peer === undefined) return "";
  if (peer.error !== undefined) return "failed";
  return `${peer[figure]} (${peer.timesFaster.toFixed(2)}x)`;
}

const attentionTable = (rows) =>
  table(
    ["variant", "shape", "Vigil burst", "sustained", "FlexAttention", "cuDNN", "FlashAttention-2"],
    rows.map((row) => [
      row.variant,
      row.label,
      row.burstTflops,
      row.sustainedTflops,
      ...peerNames.map((name) => peerCell(row, name, "burstTflops")),
    ]),
  );

const decodeTable = (rows) =>
  table(
    ["variant", "shape", "Vigil", "FlexAttention", "cuDNN", "FlashAttention-2"],
    rows.map((row) => [
      row.variant,
      row.label,
      row.terabytesPerSecond,
      ...peerNames.map((name) => peerCell(row, name, "terabytesPerSecond")),
    ]),
  );

function main(args) {
  const at = args.indexOf("--out");
  const out = at < 0 ? null : args[at + 1];
  const files = at < 0 ? args : args.toSpliced(at, 2);
  if (files.length === 0 || out === undefined) {
    process.stderr.write("usage: join.mjs attention.json decode.json peers.jsonl [--out file]\n");
    process.exitCode = 2;
    return;
  }
  const objects = files.flatMap(objectsIn);
  const runs = objects.filter(({ rows }) => Array.isArray(rows));
  const peerRows = objects.filter(({ peer }) => peer !== undefined);
  const about = objects.filter(({ rows, peer }) => rows === undefined && peer === undefined);
  const peers = peersByCase(peerRows);
  const ours = runs.flatMap(({ rows }) => rows);
  const attention = ours
    .filter(({ burstTflops }) => burstTflops !== undefined)
    .map((row) => joined(row, row.variant, peers));
  // The peers decode without a mask: the last token sees every key.
  const decode = ours
    .filter(({ terabytesPerSecond }) => terabytesPerSecond !== undefined)
    .map((row) => joined(row, "decode", peers));
  const device = runs.map((run) => run.device).find((name) => name !== undefined) ?? "";
  const text = [
    `${device}; ${about.map((row) => JSON.stringify(row)).join(" ")}`,
    "",
    "TFLOP/s in bursts, in brackets how many times less time Vigil takes:",
    "",
    attentionTable(attention),
    "",
    "Decode, TB/s of keys and values:",
    "",
    decodeTable(decode),
    "",
  ].join("\n");
  process.stdout.write(text);
  if (out !== null) {
    const kept = { device, commands: runs.map(({ command }) => command), about, attention, decode };
    writeFileSync(out, `${JSON.stringify(kept, null, 2)}\n`);
  }
}

main(process.argv.slice(2));
