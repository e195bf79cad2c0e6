/** What the CRI asks for beyond Docker's body: checked as a whole, and its limits as linux.resources. Pure. */
import { SampanError, invalid } from "../../../base/errors.ts";
import type { OciResources } from "../../../spec/oci/config.ts";
import { knownCapabilities } from "../capabilities.ts";
import type { ContainerExtras } from "../extras.ts";
import type { HostFacts } from "./host.ts";
import { checkIdmaps } from "./idmaps.ts";
import { checkSelinux } from "./selinux.ts";

type Facts = Pick<HostFacts, "unifiedCgroups" | "controllers" | "hugepages">;
type Limits = Pick<ContainerExtras, "hugepages" | "unified">;

/** Whose files limit something; `cgroup.` moves, stops and delegates, which is the engine's part alone. */
const limiting = ["cpu", "cpuset", "dmem", "hugetlb", "io", "memory", "misc", "pids", "rdma"];

/** Returns warnings, for what is taken and does nothing here. Errors: `invalid_argument`, `failed_precondition`. */
export function checkExtras(extras: ContainerExtras, facts: Facts): string[] {
  const { supplementalGroupsPolicy: policy, ambientCapabilities = [], selinux, idmaps } = extras;
  if (policy !== undefined && policy !== "merge" && policy !== "strict")
    throw invalid(`cannot use supplemental groups policy "${String(policy)}": wanted merge or strict`);
  knownCapabilities(ambientCapabilities);
  if (selinux) checkSelinux(selinux);
  checkIdmaps(idmaps ?? {});
  return checkExtraLimits(extras, facts);
}

/** Of a new container and of an update. Warnings and errors as above. */
export function checkExtraLimits({ hugepages = [], unified = {} }: Limits, facts: Facts): string[] {
  for (const { pageSize, limit } of hugepages)
    if (!/^[1-9][0-9]{0,6}(?:KB|MB|GB)$/.test(pageSize) || !Number.isInteger(limit) || limit < 0)
      throw invalid(
        `cannot limit huge pages of ${JSON.stringify(pageSize.slice(0, 40))} to ${limit}: wanted a size like 2MB, and bytes`,
      );
  for (const [file, text] of Object.entries(unified)) checkFile(file, text, facts);
  return hugepages.some(({ limit }) => limit > 0) && !facts.hugepages
    ? ["This host's cgroups cannot limit huge pages. Limits for them discarded."]
    : [];
}

function checkFile(file: string, text: string, { unifiedCgroups, controllers }: Facts): void {
  const refuse = (why: string) => `cannot set ${JSON.stringify(file.slice(0, 80))} of unified: ${why}`;
  if (!/^[a-z][a-z0-9]*(?:\.[A-Za-z0-9_]+)+$/.test(file))
    throw invalid(refuse("wanted the name of a file of cgroup v2 like memory.high"));
  const controller = file.slice(0, file.indexOf("."));
  if (!limiting.includes(controller)) throw invalid(refuse(`wanted a file of ${limiting.join(", ")}`));
  // oxlint-disable-next-line no-control-regex
  if (text.length > 4000 || /[\u0000-\u0008\u000b-\u001f\u007f]/.test(text))
    throw invalid(refuse("its value is too long or holds a control character"));
  if (!unifiedCgroups)
    throw new SampanError("failed_precondition", refuse("it is for cgroup v2, and this host has cgroup v1"));
  if (!controllers.includes(controller))
    throw new SampanError("failed_precondition", refuse(`this host has no controller "${controller}"`));
}

export function extraLimits({ hugepages = [], unified = {} }: Limits, facts: Facts): OciResources {
  return {
    ...(facts.hugepages &&
      hugepages.length > 0 && { hugepageLimits: hugepages.map((limit) => ({ ...limit })) }),
    ...(Object.keys(unified).length > 0 && { unified: { ...unified } }),
  };
}

/** An update's over those that there are: sizes and files that it does not name stay. */
export function mergedLimits(before: ContainerExtras, { hugepages, unified }: Limits): ContainerExtras {
  const sizes = new Map(
    [...(before.hugepages ?? []), ...(hugepages ?? [])].map((each) => [each.pageSize, each]),
  );
  return {
    ...before,
    ...(sizes.size > 0 && { hugepages: [...sizes.values()] }),
    ...((before.unified ?? unified) && { unified: { ...before.unified, ...unified } }),
  };
}
