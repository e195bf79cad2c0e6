/** Looks at everything that an edge needs. */
import { SampanError } from "../../../base/errors.ts";
import { certificate, clock, connection, joined, names } from "./cloud.ts";
import { bad, type Check, type Finding, type Looking } from "./finding.ts";
import { cgroups, disk, kernel, store } from "./machine.ts";

const checks: Readonly<Record<string, Check>> = {
  joined,
  certificate,
  name: names,
  connection,
  clock,
  disk,
  secrets: store,
  cgroups,
  kernel,
};

/** In the order of the table. A check that fails is a finding. */
export async function diagnose(
  looking: Looking,
  more: Readonly<Record<string, Check>> = {},
): Promise<Finding[]> {
  const all = await Promise.all(
    Object.entries({ ...checks, ...more }).map(async ([name, check]) => {
      try {
        return await check(looking);
      } catch (error) {
        return [bad(name, SampanError.from(error).message, "see above")];
      }
    }),
  );
  return all.flat();
}
