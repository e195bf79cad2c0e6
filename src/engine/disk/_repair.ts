import { SampanError } from "../../base/errors.ts";
import type { Check } from "./check.ts";

/** Tries to repair: how it ended, for the sentence that tells of the damage. */
export async function tryRepair(
  { options }: Check,
  work: (() => Promise<void>) | undefined,
): Promise<{ repaired: boolean; why: string }> {
  if (!options.repair || !work) return { repaired: false, why: "" };
  try {
    await work();
    return { repaired: true, why: "" };
  } catch (error) {
    if (options.signal?.aborted) throw error;
    return { repaired: false, why: `: ${SampanError.from(error).message}` };
  }
}
