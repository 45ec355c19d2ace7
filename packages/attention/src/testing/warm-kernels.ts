/** Compiling ahead, where a compiler takes its time and takes several kernels at once. */
import type { Device, Target } from "../runtime/device.ts";
import type { Case } from "./cases.ts";
import { warmCase } from "./run-case.ts";

const slowCompilers: ReadonlySet<Target> = new Set<Target>(["native", "cuda"]);

/** Groups of cases whose kernels are compiled together, while the groups before them are computed. */
const WINDOW = 40;

/** What warming needs to know: which groups there are, and where each case runs. */
export interface Warming {
  readonly target: Target;
  readonly groups: readonly (readonly Case[])[];
  readonly open: (threads: number) => Promise<Device>;
}

export class WarmKernels {
  readonly #warming: Warming;
  readonly #windows = new Map<number, Promise<void>>();

  constructor(warming: Warming) {
    this.#warming = warming;
  }

  /** Waits for the kernels of a group, and begins with those of later ones. */
  async before(group: number): Promise<void> {
    if (!slowCompilers.has(this.#warming.target)) return;
    const window = Math.floor(group / WINDOW);
    await this.#start(window);
    void this.#start(window + 1);
  }

  #start(window: number): Promise<void> {
    // What fails here fails again, and is reported, when its case runs.
    const started = this.#windows.get(window) ?? this.#warm(window).catch(() => undefined);
    this.#windows.set(window, started);
    return started;
  }

  /** Devices one after another: what the first compiled, the next finds on the disk. */
  async #warm(window: number): Promise<void> {
    const cases = this.#warming.groups.slice(window * WINDOW, (window + 1) * WINDOW).flat();
    for (const threads of new Set(cases.map((one) => one.threads))) {
      const own = cases.filter((one) => one.threads === threads);
      const device = await this.#warming.open(threads);
      await Promise.allSettled(own.map((one) => warmCase(device, one)));
    }
  }
}
