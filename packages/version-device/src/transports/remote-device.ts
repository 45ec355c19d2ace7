/** A device behind a link: the same interface, with long batches cut into frames. */
import { checkItems, checkResults, checkUppers } from "./checks.ts";
import { isRefusal, ProtocolError, refusalError } from "../errors.ts";
import { LINE_BITS } from "../formats/geometry.ts";
import { Client } from "./client.ts";
import type { Answer, ClientOptions, Dial } from "./client.ts";
import { MAX_ITEMS } from "../protocol/frames.ts";
import type { OpName } from "../protocol/frames.ts";
import { statisticsOf } from "../protocol/requests.ts";
import { RESET_FLAG } from "../version-device.ts";
import type { Capacity, Statistics, VersionDevice } from "../version-device.ts";

interface Batch {
  readonly op: OpName;
  readonly items: Uint32Array;
  readonly results?: Uint32Array | Float64Array;
  readonly uppers?: Float64Array;
}

const none = new Uint32Array(0);

export class RemoteDevice implements VersionDevice {
  readonly capacity: Capacity;
  readonly #client: Client;
  readonly #onClose: () => Promise<unknown>;

  /** `onClose` ends what the link was made of. */
  constructor(client: Client, capacity: Capacity, onClose: () => Promise<unknown>) {
    this.#client = client;
    this.capacity = capacity;
    this.#onClose = onClose;
  }

  async read(lines: Uint32Array, versions: Uint32Array): Promise<void> {
    checkItems("lines", lines);
    checkResults("versions", versions, Uint32Array, lines.length);
    await this.#run({ op: "read", items: lines, results: versions });
  }

  async update(lines: Uint32Array, versions: Uint32Array): Promise<number> {
    checkItems("lines", lines);
    checkResults("versions", versions, Uint32Array, lines.length);
    return this.#run({ op: "update", items: lines, results: versions });
  }

  async reset(pages: Uint32Array, bases: Uint32Array): Promise<void> {
    checkItems("pages", pages);
    checkResults("bases", bases, Uint32Array, pages.length);
    await this.#run({ op: "reset", items: pages, results: bases });
  }

  async commit(pages: Uint32Array): Promise<void> {
    checkItems("pages", pages);
    await this.#run({ op: "commit", items: pages });
  }

  async free(pages: Uint32Array, uppers: Float64Array): Promise<void> {
    checkItems("pages", pages);
    checkResults("uppers", uppers, Float64Array, pages.length);
    checkUppers(uppers);
    await this.#run({ op: "free", items: pages, uppers });
  }

  async uppers(pages: Uint32Array, uppers: Float64Array): Promise<void> {
    checkItems("pages", pages);
    checkResults("uppers", uppers, Float64Array, pages.length);
    await this.#run({ op: "uppers", items: pages, results: uppers });
  }

  async statistics(): Promise<Statistics> {
    const { values } = await this.#client.request("statistics", none);
    return statisticsOf(values);
  }

  async close(): Promise<void> {
    this.#client.close();
    await this.#onClose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Frame after frame, because a batch stops where it is refused. */
  async #run({ op, items, results, uppers }: Batch): Promise<number> {
    let done = 0;
    while (done < items.length) {
      const some = items.subarray(done, done + MAX_ITEMS);
      const answer = await this.#client.request(
        op,
        some,
        uppers?.subarray(done, done + some.length) ?? null,
      );
      results?.set(answer.values, done);
      done += answer.done;
      check(answer, some, done, op);
      if (op === "update" && endsInReset(answer)) break;
    }
    return done;
  }
}

const isOfLines = (op: OpName): boolean => op === "read" || op === "update";

/** Whether the last version of an update asks for the page to be sealed anew. */
const endsInReset = ({ values, done }: Answer): boolean => (values[done - 1] ?? 0) >= RESET_FLAG;

/** `total` items of the caller's batch are done, `answer.done` of `items`. */
function check(answer: Answer, items: Uint32Array, total: number, op: OpName): void {
  const { refusal, done } = answer;
  if (refusal === 0) {
    if (done === items.length || (op === "update" && endsInReset(answer))) return;
    throw new ProtocolError("the device left out a part of a batch");
  }
  if (!isRefusal(refusal)) throw new ProtocolError("the device gives a reason that nobody knows");
  const page = (items[done] ?? 0) >>> (isOfLines(op) ? LINE_BITS : 0);
  throw refusalError(refusal, { done: total, page });
}

/**
 * A device over links that `dial` opens.
 *
 * @throws DeviceLostError  the first link cannot be opened
 */
export async function openRemote(
  dial: Dial,
  options: ClientOptions,
  onClose: () => Promise<unknown>,
): Promise<VersionDevice> {
  const { client, capacity } = await Client.open(dial, options);
  return new RemoteDevice(client, capacity, onClose);
}
