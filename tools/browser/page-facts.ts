// Loaded by page.test.ts in a page: what the page offers to threads, types stripped on the way.
interface Facts {
  readonly isolated: boolean;
  readonly doubled: number;
  readonly fromWorker: number;
}

export default async function facts({ number }: { number: number }): Promise<Facts> {
  const worker = new Worker(new URL("./page-worker.ts", import.meta.url), { type: "module" });
  const shared = new SharedArrayBuffer(4);
  const answered = new Promise((done) => worker.addEventListener("message", done, { once: true }));
  worker.postMessage({ shared, number });
  await answered;
  worker.terminate();
  return {
    isolated: crossOriginIsolated,
    doubled: 2 * number,
    fromWorker: new Int32Array(shared)[0] ?? 0,
  };
}
