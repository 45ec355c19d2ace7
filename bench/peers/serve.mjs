// Runs one peer in a process of its own, on request: `node serve.mjs <peer>`, started with an IPC channel.
// Peers change the globals that others look at (Worker), so they do not share a process.

/** @type {import("./peer.mjs").Peer} */
let peer;
/** @type {import("./peer.mjs").Prepared} */
let prepared;

const requests = {
  async open() {
    peer = await (await import(`./${process.argv[2]}.mjs`)).open();
    const { version, kind, formulations, dtypes = ["f32"], variants = ["noop", "causal"] } = peer;
    return { version, kind, dtypes, variants, formulations: Object.keys(formulations) };
  },
  async prepare({ formulation, problem }) {
    prepared = await peer.formulations[formulation](problem);
  },
  /** Milliseconds of wall clock and of processor time. */
  async run() {
    const cpu = process.cpuUsage();
    const start = performance.now();
    const own = await prepared.run();
    const ms = performance.now() - start;
    const { user, system } = process.cpuUsage(cpu);
    return own ?? { ms, cpuMs: (user + system) / 1000 };
  },
  output: () => prepared.output(),
  release: () => prepared.release(),
};

process.on("message", async ({ request, body }) => {
  try {
    process.send({ result: await requests[request](body) });
  } catch (error) {
    process.send({ error: `${error?.name ?? "error"}: ${error?.message ?? error}`.slice(0, 400) });
  }
});

// The command that started us has ended, or wants us to: what a peer holds is let go on exit.
process.on("disconnect", () => process.exit(0));
process.on("SIGTERM", () => process.exit(0));
