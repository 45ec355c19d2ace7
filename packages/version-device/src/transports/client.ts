/**
 * The host's side of the protocol, without a wire: requests are numbered, kept until their reply is
 * here, and sent again over the next link where one breaks.
 */
import { DeviceLostError, ProtocolError } from "../errors.ts";
import type { Capacity } from "../version-device.ts";
import { decodeReply, decodeWelcome, encodeHello, encodeRequest, OP } from "../protocol/frames.ts";
import { SESSION_BYTES, stampRequest, WINDOW } from "../protocol/frames.ts";
import type { OpName } from "../protocol/frames.ts";

/** Something that carries frames whole, in order, and from nobody else. */
export interface Link {
  send(frame: Uint8Array): void;
  /** Ends the link; its `closed` may still be called. */
  close(): void;
}

export interface LinkEvents {
  frame(frame: Uint8Array): void;
  /** Once, after the last frame; with the reason where there is one. */
  closed(reason?: unknown): void;
}

/** Opens a link. Rejects where there is none to be had. */
export type Dial = (events: LinkEvents) => Promise<Link>;

export interface ClientOptions {
  /** How long a broken link may take to come back before all requests fail, in milliseconds. */
  readonly patienceMs: number;
}

export type Answer = ReturnType<typeof decodeReply>;

interface Waiting {
  readonly op: number;
  readonly frame: Uint8Array;
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

const FIRST_DELAY_MS = 10;
const LONGEST_DELAY_MS = 1000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class Client {
  readonly #dial: Dial;
  readonly #patienceMs: number;
  readonly #session: Uint8Array = crypto.getRandomValues(new Uint8Array(SESSION_BYTES));
  /** By number, in order. */
  readonly #waiting = new Map<number, Waiting>();
  #first = 0;
  #sent = 0;
  #next = 0;
  /**
   * Requests that may be on their way. Starts at one on a new link, so that one which soon breaks
   * again gets on.
   */
  #window = 1;
  #link: Link | null = null;
  #ended: Error | null = null;

  private constructor(dial: Dial, { patienceMs }: ClientOptions) {
    this.#dial = dial;
    this.#patienceMs = patienceMs;
  }

  /** Opens the first link, without a second attempt. */
  static async open(
    dial: Dial,
    options: ClientOptions,
  ): Promise<{ client: Client; capacity: Capacity }> {
    const client = new Client(dial, options);
    return { client, capacity: await client.#connect(true) };
  }

  /** Rejects with `DeviceLostError` where it is unknown whether the request took effect. */
  request(op: OpName, items: Uint32Array, uppers: Float64Array | null = null): Promise<Answer> {
    if (this.#ended !== null) return Promise.reject(this.#ended);
    const frame = encodeRequest(op, items, uppers);
    return new Promise((resolve, reject) => {
      this.#waiting.set(this.#next++, { op: OP[op], frame, resolve, reject });
      this.#send();
    });
  }

  close(): void {
    this.#end(new DeviceLostError("the device was closed"));
  }

  #send(): void {
    while (this.#link !== null && this.#sent < Math.min(this.#next, this.#first + this.#window)) {
      const waiting = this.#waiting.get(this.#sent);
      if (waiting === undefined) return;
      stampRequest(waiting.frame, this.#sent++, this.#first);
      this.#link.send(waiting.frame);
    }
  }

  #receive(frame: Uint8Array): void {
    const waiting = this.#waiting.get(this.#first);
    if (waiting === undefined || this.#first >= this.#sent) {
      throw new ProtocolError("a reply to nothing");
    }
    const answer = decodeReply(waiting.op, frame);
    if (answer.sequence !== this.#first) throw new ProtocolError("a reply out of order");
    this.#waiting.delete(this.#first++);
    this.#window = Math.min(2 * this.#window, WINDOW);
    waiting.resolve(answer);
    this.#send();
  }

  /** Settles when the device has answered the hello. */
  async #connect(isNew: boolean): Promise<Capacity> {
    const first = Promise.withResolvers<Uint8Array>();
    // Nobody may be waiting for it when the link breaks.
    first.promise.catch(() => {});
    let isGreeted = false;
    let isClosed = false;
    let opened: Link | null = null;
    const link = await this.#dial({
      frame: (frame) => {
        if (isGreeted) this.#guard(() => this.#receive(frame));
        else first.resolve(frame);
        isGreeted = true;
      },
      closed: (reason) => {
        isClosed = true;
        const message = "the connection ended before the device answered";
        first.reject(new DeviceLostError(message, { cause: reason }));
        if (opened !== null && this.#link === opened) this.#lose(reason);
      },
    });
    opened = link;
    try {
      link.send(encodeHello({ session: this.#session, isNew, first: this.#first }));
      const capacity = decodeWelcome(await first.promise);
      if (capacity === null) throw this.#end(new DeviceLostError("the device has forgotten us"));
      if (this.#ended !== null) throw this.#ended;
      if (isClosed) throw new DeviceLostError("the connection ended at once");
      this.#link = link;
      this.#sent = this.#first;
      this.#window = 1;
      this.#send();
      return capacity;
    } catch (error) {
      link.close();
      throw error;
    }
  }

  /** A device that breaks the protocol is not asked again. */
  #guard(act: () => void): void {
    if (this.#ended !== null) return;
    try {
      act();
    } catch (error) {
      this.#end(new DeviceLostError("the device broke the protocol", { cause: error }));
    }
  }

  #lose(reason: unknown): void {
    this.#link = null;
    if (this.#ended === null) void this.#reconnect(reason);
  }

  async #reconnect(reason: unknown): Promise<void> {
    const end = performance.now() + this.#patienceMs;
    let cause = reason;
    for (let delay = FIRST_DELAY_MS; this.#ended === null; delay *= 2) {
      try {
        await this.#connect(false);
        return;
      } catch (error) {
        cause = error;
      }
      if (performance.now() + delay > end) break;
      await sleep(Math.min(delay, LONGEST_DELAY_MS));
    }
    this.#end(new DeviceLostError("the connection ended and did not come back", { cause }));
  }

  /** The first reason counts. */
  #end(error: Error): Error {
    if (this.#ended !== null) return this.#ended;
    this.#ended = error;
    this.#link?.close();
    this.#link = null;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    return error;
  }
}
