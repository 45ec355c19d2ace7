/** The reference device with one fault: what the suite has to find. */
import { openReference } from "../reference/device.ts";
import type { Device, Launch, LaunchResult } from "../runtime/device.ts";

export interface Fault {
  readonly launch?: (launch: Launch) => Launch;
  readonly result?: (result: LaunchResult, launch: Launch) => LaunchResult;
}

/** Every launch, and every result, goes through the fault. */
export function faultyDevice({ launch, result }: Fault): Device {
  const device = openReference();
  return {
    ...device,
    async kernel(spec) {
      const kernel = await device.kernel(spec);
      const run = async (given: Launch): Promise<LaunchResult> => {
        const computed = await kernel.run(launch?.(given) ?? given);
        return result?.(computed, given) ?? computed;
      };
      return { ...kernel, run };
    },
  };
}

/** The first element of the output, moved to the next float. */
export function nudged(result: LaunchResult): LaunchResult {
  const { data } = result.out;
  const first = data[0] ?? 0;
  data[0] = data instanceof Uint16Array ? first + 1 : first * (1 + 2 ** -9);
  return result;
}
