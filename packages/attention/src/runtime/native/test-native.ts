/** Whether this machine can run the native target: for tests that need it. */
import { UnsupportedError } from "../../errors.ts";
import { type Machine, thisMachine } from "./machine.ts";
import { findGround } from "./open.ts";

/** Why the native target is not here, as a skip says it; false where it is. */
export async function noNative(machine: Machine = thisMachine()): Promise<string | false> {
  try {
    const { workshop } = await findGround(machine, { cacheFolder: null });
    workshop.close();
    return false;
  } catch (error) {
    if (error instanceof UnsupportedError) return `native: ${error.reason}`;
    throw error;
  }
}
