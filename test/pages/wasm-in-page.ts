// Loaded by wasm-in-page.test.ts in a page: launches on the page's main thread and on workers, compared to the bit.
import { openWasm } from "../../packages/attention/src/runtime/wasm/open.ts";
import type { WasmOptions } from "../../packages/attention/src/runtime/wasm/open.ts";
import {
  bitsOf,
  runOn,
  testLaunch,
} from "../../packages/attention/src/runtime/wasm/test-launches.ts";

interface Answer {
  readonly name: string;
  readonly equal: boolean;
  /** Turns of the page's event loop while the long launch ran. */
  readonly turns: number;
  readonly refusal: string;
}

const launches = [
  testLaunch({ M: 300, N: 261, Hkv: 2, Hq: 6 }),
  testLaunch({ M: 16, N: 16 }),
  testLaunch({ M: 300, N: 261, dtype: "f16", layout: "padded" }),
];

const refusalOf = (options: WasmOptions): Promise<string> =>
  openWasm(options).then(
    () => "opened",
    (error: unknown) => String(error),
  );

async function countTurns(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await work();
  clearInterval(timer);
  return turns;
}

const bits = (results: readonly unknown[]): string => JSON.stringify(results);

export default async function answer(options: WasmOptions): Promise<Answer> {
  await using one = await openWasm();
  await using device = await openWasm(options);
  const expected = [];
  for (const launch of launches) expected.push(bitsOf(await runOn(one, launch)));
  const together = await Promise.all(launches.map((launch) => runOn(device, launch)));
  const long = testLaunch({ M: 1500, N: 1500, Hkv: 4, Hq: 8, D: 64, Dv: 64 });
  return {
    name: device.name,
    equal: bits(together.map(bitsOf)) === bits(expected),
    turns: await countTurns(() => runOn(device, long)),
    refusal: await refusalOf({ revectorize: true }),
  };
}
