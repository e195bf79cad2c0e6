/** Who a container's process is and what it may do, as the engine takes it. */
import { invalid } from "../../../base/errors.ts";
import type { ContainerExtras } from "../../../engine/containers/extras.ts";
import type { HostConfig } from "../../../spec/docker/create.ts";
import {
  type Capability,
  type LinuxContainerSecurityContext,
  SupplementalGroupsPolicy,
} from "../../../wire/cri/cri_pb.ts";
import { idOf } from "../numbers.ts";
import { appArmorWords, seccompWords } from "./profiles.ts";

type Context = LinuxContainerSecurityContext | undefined;

/** Docker's User; undefined: the image's. Errors: `invalid_argument`. */
export function userOf(context: Context): string | undefined {
  const { runAsUser, runAsGroup, runAsUsername = "" } = context ?? {};
  const user = runAsUser ? idOf(runAsUser.value, "run_as_user") : runAsUsername;
  if (user.includes(":")) throw invalid(`cannot run as user "${user.slice(0, 150)}": wanted a name`);
  if (!runAsGroup) return user === "" ? undefined : user;
  if (user === "") throw invalid("cannot run as a group: user group is specified without user");
  return `${user}:${idOf(runAsGroup.value, "run_as_group")}`;
}

export function securityOf(context: Context): HostConfig {
  const { add, drop } = capabilitiesOf(context?.capabilities);
  const groups = (context?.supplementalGroups ?? []).map((id) => idOf(id, "supplemental group"));
  return {
    ...(add.length > 0 && { CapAdd: add }),
    ...(drop.length > 0 && { CapDrop: drop }),
    ...(groups.length > 0 && { GroupAdd: groups }),
    ...(context?.privileged && { Privileged: true }),
    ...(context?.readonlyRootfs && { ReadonlyRootfs: true }),
    SecurityOpt: [
      ...(context?.noNewPrivs ? ["no-new-privileges=true"] : []),
      ...seccompWords(context),
      ...appArmorWords(context),
    ],
    // As they are said: none is none. Kubelet names what is to be hidden.
    MaskedPaths: context?.maskedPaths ?? [],
    ReadonlyPaths: context?.readonlyPaths ?? [],
  };
}

/** What is dropped by name is dropped though it is added too; of ALL, what is dropped goes first and what is added by name comes back. */
function capabilitiesOf(capability: Capability | undefined): { add: string[]; drop: string[] } {
  const names = (list: readonly string[] = []) => list.map((name) => name.toUpperCase().replace(/^CAP_/, ""));
  const drop = names(capability?.dropCapabilities);
  const dropsAll = drop.includes("ALL");
  const add = names(capability?.addCapabilities).filter((name) =>
    name === "ALL" ? !dropsAll : !drop.includes(name),
  );
  return { add, drop };
}

/** What Docker's body does not say. */
export function securityExtras(context: Context): ContainerExtras {
  const { supplementalGroupsPolicy: policy, capabilities, selinuxOptions: selinux } = context ?? {};
  const ambient = capabilities?.addAmbientCapabilities ?? [];
  const { user, role, type, level } = selinux ?? {};
  return {
    supplementalGroupsPolicy: policy === SupplementalGroupsPolicy.Strict ? "strict" : "merge",
    ...(ambient.length > 0 && {
      ambientCapabilities: ambient.map((name) => `CAP_${name.toUpperCase().replace(/^CAP_/, "")}`),
    }),
    ...(selinux && {
      selinux: {
        ...(user && { user }),
        ...(role && { role }),
        ...(type && { type }),
        ...(level && { level }),
      },
    }),
  };
}
