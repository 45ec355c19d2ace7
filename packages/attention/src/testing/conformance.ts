/** The conformance suite: every case and every law, on one target. */
import { describe } from "../errors.ts";
import type { Answer } from "../reference/attention.ts";
import type { Device } from "../runtime/device.ts";
import { type Case, conformanceCases, type Suite } from "./cases.ts";
import { laws, type Opener } from "./laws.ts";
import { computeCase, judgeCase, type PreparedCase, prepareCase } from "./run-case.ts";
import { type Skip, skips } from "./skips.ts";
import { WarmKernels } from "./warm-kernels.ts";

export interface ConformanceOptions {
  /** Default "pairwise": about 200 cases. "full": more than 2,500. */
  readonly suite?: Suite;
  /** Runs these cases only, and no laws. */
  readonly only?: (one: Case) => boolean;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

export interface Failure {
  /** The case's or law's whole name: enough to run it again. */
  readonly name: string;
  readonly problems: readonly string[];
}

export interface Conformance {
  /** Cases and laws that ran. */
  readonly cases: number;
  readonly failed: number;
  readonly skipped: readonly { readonly reason: string; readonly count: number }[];
  readonly failures: readonly Failure[];
}

/**
 * Runs the suite on a target. Devices that it opens, it closes; a device that it was given stays open, and runs every case once,
 * with the threads that it has.
 *
 * Cases that differ only in threads are computed from the same inputs, and have to agree to the bit.
 */
export async function conforms(
  target: Device | Opener,
  options: ConformanceOptions = {},
): Promise<Conformance> {
  const { suite = "pairwise", only, onProgress, signal } = options;
  const isOpener = typeof target === "function";
  await using devices = new Devices(isOpener ? target : null, isOpener ? null : target);
  const cases = conformanceCases(suite).filter((one) => only?.(one) ?? true);
  const groups = grouped(cases).map((twins) => (isOpener ? twins : twins.slice(0, 1)));
  const run = new Run((await devices.get(1)).target);
  const checked = only === undefined ? laws : [];
  const total = groups.flat().length + checked.length;
  let done = 0;
  const open: Opener = (threads) => devices.get(threads);
  const warm = new WarmKernels({ target: run.target, groups, open });
  for (const [at, twins] of groups.entries()) {
    signal?.throwIfAborted();
    await warm.before(at);
    await run.twins(twins, open);
    done += twins.length;
    onProgress?.(done, total);
  }
  for (const law of checked) {
    signal?.throwIfAborted();
    await run.attempt(`law: ${law.name}`, () => law.check(open));
    onProgress?.(++done, total);
  }
  return run.report();
}

/** One device per number of threads, opened when first needed. */
class Devices implements AsyncDisposable {
  readonly #open: Opener | null;
  readonly #given: Device | null;
  readonly #opened = new Map<number, Promise<Device>>();

  constructor(open: Opener | null, given: Device | null) {
    this.#open = open;
    this.#given = given;
  }

  get(threads: number): Promise<Device> {
    if (this.#given !== null) return Promise.resolve(this.#given);
    const device = this.#opened.get(threads) ?? this.#open?.(threads);
    if (device === undefined)
      throw new TypeError(`target: expected a device, got ${describe(null)}`);
    this.#opened.set(threads, device);
    return device;
  }

  /** Closes what was opened; what could not be opened has been reported already. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const device of await Promise.allSettled(this.#opened.values())) {
      if (device.status === "fulfilled") await device.value.close();
    }
  }
}

/** Cases that differ in their threads only, together. */
function grouped(cases: readonly Case[]): Case[][] {
  const groups = new Map<string, Case[]>();
  for (const one of cases) {
    const key = JSON.stringify({ ...one, threads: 0, name: "" });
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()];
}

class Run {
  readonly target: Device["target"];
  readonly #skipped = new Map<string, number>();
  readonly #failures: Failure[] = [];
  #cases = 0;

  constructor(target: Device["target"]) {
    this.target = target;
  }

  async twins(twins: readonly Case[], open: Opener): Promise<void> {
    const running = twins.filter((one) => !this.#isSkipped(one));
    let prepared: PreparedCase | null = null;
    let first: { readonly one: Case; readonly result: Answer } | null = null;
    for (const one of running) {
      await this.attempt(one.name, async () => {
        prepared ??= prepareCase(one);
        const result = await computeCase(await open(one.threads), one, prepared);
        const problems = judgeCase(one, prepared, result);
        if (first !== null) problems.push(...disagreements(first, { one, result }));
        first ??= { one, result };
        return problems;
      });
    }
  }

  /** Counts a case; whatever it throws is its problem. */
  async attempt(name: string, check: () => Promise<string[]>): Promise<void> {
    this.#cases++;
    try {
      const problems = await check();
      if (problems.length > 0) this.#failures.push({ name, problems });
    } catch (error) {
      const problem = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      this.#failures.push({ name, problems: [problem] });
    }
  }

  report(): Conformance {
    const skipped = [...this.#skipped].map(([reason, count]) => ({ reason, count }));
    const failures = this.#failures;
    return { cases: this.#cases, failed: failures.length, skipped, failures };
  }

  #isSkipped(one: Case): boolean {
    const skip: Skip | undefined = skips.find(
      ({ target, applies }) => target === this.target && applies(one),
    );
    if (skip === undefined) return false;
    this.#skipped.set(skip.reason, (this.#skipped.get(skip.reason) ?? 0) + 1);
    return true;
  }
}

interface Computed {
  readonly one: Case;
  readonly result: Answer;
}

/** Where two numbers of threads give different bits. */
function disagreements(a: Computed, b: Computed): string[] {
  return (["out", "lse", "max"] as const).flatMap((name) => {
    const [x, y] = [a.result[name], b.result[name]];
    const at = x.findIndex((value, i) => !Object.is(value, y[i]));
    if (at < 0) return [];
    const sides = `${x[at]} with ${a.one.threads} threads, ${y[at]} with ${b.one.threads}`;
    return [`${name}: element ${at} is ${sides}`];
  });
}
