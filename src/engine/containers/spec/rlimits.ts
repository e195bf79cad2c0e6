/** HostConfig.Ulimits as process.rlimits. Pure. */
import { invalid } from "../../../base/errors.ts";
import type { HostConfig } from "../../../spec/docker/create.ts";
import type { Int, OciRlimit } from "../../../spec/oci/config.ts";
import { rlimitTypes } from "../../../spec/oci/values.ts";
import type { HostFacts } from "./host.ts";

const infinity = 2n ** 64n - 1n;
const sysResource = 1n << 24n;

/**
 * -1 is no limit. One above the hard limit of this process needs CAP_SYS_RESOURCE: without it, it is refused here, by name, and not lowered in silence.
 * Errors: `invalid_argument`.
 */
export function rlimits(
  asked: HostConfig["Ulimits"],
  { limits, bounding }: Pick<HostFacts, "limits" | "bounding">,
): OciRlimit[] {
  return (asked ?? []).map(({ Name, Soft, Hard }) => {
    const type = rlimitTypes.find((known) => known === `RLIMIT_${Name.toUpperCase()}`);
    const refuse = (why: string) => invalid(`cannot set ulimit "${Name}" to ${Soft}:${Hard}: ${why}`);
    if (type === undefined)
      throw refuse(`wanted one of ${rlimitTypes.map((each) => each.slice(7).toLowerCase()).join(", ")}`);
    if (Hard !== -1 && (Soft > Hard || Soft === -1))
      throw refuse("the soft limit is over the hard one, wanted at most that");
    const most = limits[type] ?? Infinity;
    if ((bounding & sysResource) === 0n && (Hard === -1 ? Infinity : Hard) > most)
      throw refuse(
        `the engine has no CAP_SYS_RESOURCE and its own hard limit is ${most}, wanted at most that`,
      );
    return { type, soft: valueOf(Soft), hard: valueOf(Hard) };
  });
}

function valueOf(number: number): Int {
  if (number < 0) return infinity;
  return Number.isSafeInteger(number) ? number : BigInt(number);
}
