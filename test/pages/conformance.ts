// Loaded by conformance.test.ts in a page: the conformance suite on the page's own WebAssembly.
import { openDevice } from "@vigil/attention";
import { conforms } from "@vigil/attention/testing";
import type { Conformance } from "@vigil/attention/testing";

export default function conformance(): Promise<Conformance> {
  return conforms((threads) => openDevice("wasm", { threads }), { suite: "pairwise" });
}
