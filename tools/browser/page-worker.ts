// The worker of page-facts.ts: writes into memory that it shares with the page.
addEventListener(
  "message",
  ({ data }: MessageEvent<{ shared: SharedArrayBuffer; number: number }>) => {
    new Int32Array(data.shared)[0] = 3 * data.number;
    postMessage("done");
  },
);
