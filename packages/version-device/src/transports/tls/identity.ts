/**
 * Who a host or a device is: an Ed25519 key, known by the hash of its public half. TLS wants
 * certificates; this one says nothing but the key, signs itself, and never expires, because the key
 * is pinned.
 */
import { typeError } from "../../errors.ts";

const PRIVATE_KEY = "PRIVATE KEY";
const CERTIFICATE = "CERTIFICATE";

/** Shows its fingerprint and nothing else, wherever it is printed. */
export class Identity {
  /** What others pin: `sha256:` and the hash of the public key (SPKI) in base64url. Public. */
  readonly fingerprint: string;
  readonly #key: string;
  readonly #certificate: string;

  private constructor(key: string, certificate: string, fingerprint: string) {
    this.#key = key;
    this.#certificate = certificate;
    this.fingerprint = fingerprint;
  }

  /** A new key. Node alone. */
  static async create(): Promise<Identity> {
    const { generateKeyPairSync, randomBytes, sign } = await import("node:crypto");
    const pair = generateKeyPairSync("ed25519");
    const publicKey = pair.publicKey.export({ type: "spki", format: "der" });
    // Positive, and of one length: DER wants no leading zero.
    const serial = Uint8Array.from([0x40, ...randomBytes(15)]);
    const body = unsigned(publicKey, serial);
    const signature = der(0x03, Uint8Array.of(0), sign(null, body, pair.privateKey));
    const key = pair.privateKey.export({ type: "pkcs8", format: "pem" });
    const certificate = pem(CERTIFICATE, der(SEQUENCE, body, ED25519, signature));
    return new Identity(key, certificate, await fingerprintOf(publicKey));
  }

  /**
   * One that `toPem` wrote, or any private key (PKCS #8) with its certificate.
   *
   * @throws TypeError  no such key, no such certificate, or two that do not belong together
   */
  static async fromPem(text: string): Promise<Identity> {
    const { createPrivateKey, X509Certificate } = await import("node:crypto");
    const [key, certificate] = [partOf(text, PRIVATE_KEY), partOf(text, CERTIFICATE)];
    try {
      const read = new X509Certificate(certificate);
      if (!read.checkPrivateKey(createPrivateKey(key))) throw new Error("another key");
      const publicKey = read.publicKey.export({ type: "spki", format: "der" });
      return new Identity(key, certificate, await fingerprintOf(publicKey));
    } catch {
      // What OpenSSL says of a text may quote it.
      throw typeError({
        name: "identity",
        expected: "a private key and its certificate, in PEM",
        got: "a text without a pair of them",
        remedy: "create one with Identity.create() or vigil device --create-key",
      });
    }
  }

  /** Key and certificate in one text: a secret. */
  toPem(): string {
    return this.#key + this.#certificate;
  }

  /** For TLS. */
  get credentials(): { readonly key: string; readonly cert: string } {
    return { key: this.#key, cert: this.#certificate };
  }
}

/** DER: a tag, the length, the content. */
function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff);
  const head = length < 0x80 ? [tag, length] : [tag, 0x80 | bytes.length, ...bytes];
  return Uint8Array.from([...head, ...parts.flatMap((part) => [...part])]);
}

const SEQUENCE = 0x30;
const SET = 0x31;
const text = new TextEncoder();

const objectId = (...bytes: readonly number[]): Uint8Array => der(0x06, Uint8Array.from(bytes));
const ED25519 = der(SEQUENCE, objectId(0x2b, 0x65, 0x70));
const COMMON_NAME = objectId(0x55, 0x04, 0x03);

/** RFC 5280, section 4.1.2.5: the date of a certificate without an end. */
const NO_END = "99991231235959Z";

/** An X.509 v3 certificate (RFC 5280, section 4.1) without its signature. */
function unsigned(publicKey: Uint8Array, serial: Uint8Array): Uint8Array {
  const name = der(
    SEQUENCE,
    der(SET, der(SEQUENCE, COMMON_NAME, der(0x0c, text.encode("vigil version device")))),
  );
  const validity = der(
    SEQUENCE,
    der(0x18, text.encode("20200101000000Z")),
    der(0x18, text.encode(NO_END)),
  );
  const version3 = der(0xa0, der(0x02, Uint8Array.of(2)));
  return der(SEQUENCE, version3, der(0x02, serial), ED25519, name, validity, name, publicKey);
}

const pem = (label: string, bytes: Uint8Array): string => {
  const base64 = btoa(String.fromCharCode(...bytes));
  const lines = base64.match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
};

/** The fingerprint of a public key in SPKI form. */
export async function fingerprintOf(publicKey: Uint8Array): Promise<string> {
  const { createHash } = await import("node:crypto");
  return `sha256:${createHash("sha256").update(publicKey).digest("base64url")}`;
}

const partOf = (text: string, label: string): string =>
  new RegExp(`-----BEGIN ${label}-----[^-]*-----END ${label}-----\\n?`).exec(text)?.[0] ?? "";
