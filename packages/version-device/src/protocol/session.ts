/**
 * The device's side of the protocol, without a wire: what makes a request take effect once.
 *
 * A **session** belongs to one client key and outlives its connections. It numbers requests, and
 * keeps each reply until the client says that it has arrived; a request whose number has been seen
 * is answered from there. On one connection numbers go up by one, so a repeated frame ends the
 * connection.
 */
import { ProtocolError } from "../errors.ts";
import type { TripDevice } from "../trip-device.ts";
import { decodeHello, decodeRequest, encodeWelcome, WINDOW } from "./frames.ts";
import type { Hello, Request } from "./frames.ts";
import { perform } from "./requests.ts";

class Session {
  readonly client: string;
  /**
   * The connection that speaks for the session; the newest, when an old one has not noticed its
   * end.
   */
  connection: Connection | null = null;
  /** The number of the next request that has not taken effect. */
  next = 0;
  readonly #replies = new Map<number, Uint8Array>();

  constructor(client: string) {
    this.client = client;
  }

  answer(device: TripDevice, request: Request): Uint8Array {
    const { sequence, kept } = request;
    if (kept > sequence) throw new ProtocolError("a request that acknowledges its own reply");
    for (const before of this.#replies.keys()) {
      if (before < kept) this.#replies.delete(before);
    }
    if (sequence < this.next) {
      const reply = this.#replies.get(sequence);
      if (reply === undefined) throw new ProtocolError("a request whose reply has arrived");
      return reply;
    }
    if (sequence > this.next) throw new ProtocolError("a request is missing before this one");
    if (this.#replies.size >= WINDOW) throw new ProtocolError("too many requests on their way");
    const reply = perform(device, request);
    this.#replies.set(sequence, reply);
    this.next++;
    return reply;
  }
}

/** Of one client key; an older session without a connection makes room for a new one. */
const SESSIONS_PER_CLIENT = 16;

const nameOf = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** A device and everybody who talks to it. */
export class SessionHost {
  readonly device: TripDevice;
  readonly #sessions = new Map<string, Session>();

  constructor(device: TripDevice) {
    this.device = device;
  }

  /** `client` is whom the link has authenticated. */
  connect(client: string): Connection {
    return new Connection(this, client);
  }

  /** Null: there is no such session of this client, or none can be opened. */
  open(client: string, { session: id, isNew }: Hello): Session | null {
    const name = `${client} ${nameOf(id)}`;
    const known = this.#sessions.get(name);
    if (known !== undefined) return known;
    if (!isNew || !this.#makeRoom(client)) return null;
    const session = new Session(client);
    this.#sessions.set(name, session);
    return session;
  }

  #makeRoom(client: string): boolean {
    const own = [...this.#sessions].filter(([, session]) => session.client === client);
    if (own.length < SESSIONS_PER_CLIENT) return true;
    const idle = own.find(([, session]) => session.connection === null);
    return idle !== undefined && this.#sessions.delete(idle[0]);
  }
}

/** One link's conversation: a hello, then requests. */
export class Connection {
  readonly #host: SessionHost;
  readonly #client: string;
  #session: Session | null = null;
  #expected = 0;

  constructor(host: SessionHost, client: string) {
    this.#host = host;
    this.#client = client;
  }

  /**
   * The frame to send back.
   *
   * @throws ProtocolError  the link is to be closed: the request has had no effect, or had it
   *   before
   */
  receive(frame: Uint8Array): Uint8Array {
    if (this.#session === null) return this.#greet(decodeHello(frame));
    if (this.#session.connection !== this) {
      throw new ProtocolError("the session goes on elsewhere");
    }
    const request = decodeRequest(frame);
    if (request.sequence !== this.#expected) {
      throw new ProtocolError("a request out of order, or for the second time");
    }
    this.#expected++;
    return this.#session.answer(this.#host.device, request);
  }

  /** The link is gone. The session stays, for the next one. */
  close(): void {
    if (this.#session?.connection === this) this.#session.connection = null;
  }

  #greet(hello: Hello): Uint8Array {
    const session = this.#host.open(this.#client, hello);
    if (session === null) return encodeWelcome(null);
    if (hello.first > session.next) throw new ProtocolError("requests that were never seen");
    session.connection = this;
    this.#session = session;
    this.#expected = hello.first;
    return encodeWelcome(this.#host.device.capacity);
  }
}
