/** Security contexts of pod and container, merged: the container's word counts. Pure. https://kubernetes.io/docs/tasks/configure-pod-container/security-context/ */
import type { HostConfig } from "../../../spec/docker/create.ts";
import type { ContainerSecurity, Pod, PodSecurity } from "../../../spec/kubernetes/pod.ts";
import { PodError, shown } from "./pod-error.ts";
import type { ContainerInput } from "./translate.ts";

type Merged = PodSecurity & ContainerSecurity;

const largestId = 2 ** 31 - 1;
const refused = (text: string) => new PodError("CreateContainerConfigError", text);

function mergedContext({ pod, container }: Pick<ContainerInput, "pod" | "container">): Merged {
  return { ...pod.spec.securityContext, ...defined(container.securityContext ?? {}) };
}

/** A field that is there with null or undefined says nothing. */
function defined(context: ContainerSecurity): ContainerSecurity {
  return Object.fromEntries(
    Object.entries(context).filter(([, value]) => value !== undefined && value !== null),
  );
}

function idOf(value: number, field: string): number {
  if (Number.isInteger(value) && value >= 0 && value <= largestId) return value;
  throw refused(`cannot use ${field} ${shown(value)}: wanted a number from 0 to ${largestId}`);
}

/** Docker's User; undefined: the image's. Errors: PodError where runAsNonRoot does not hold or cannot be known. */
export function userOf(input: Pick<ContainerInput, "pod" | "container" | "imageUser">): string | undefined {
  const context = mergedContext(input);
  const { runAsUser, runAsGroup, supplementalGroupsPolicy } = context;
  const [imageUser = ""] = (input.imageUser ?? "").split(":");
  if (context.runAsNonRoot) checkNonRoot(input, runAsUser ?? undefined, imageUser);
  const user = runAsUser === undefined ? undefined : String(idOf(runAsUser, "runAsUser"));
  const group = runAsGroup === undefined ? undefined : String(idOf(runAsGroup, "runAsGroup"));
  if (supplementalGroupsPolicy === "Strict" && group === undefined)
    throw refused(
      `cannot run container ${shown(input.container.name)}: supplementalGroupsPolicy Strict needs runAsGroup on this node`,
    );
  return group === undefined ? user : `${user ?? (imageUser || "0")}:${group}`;
}

/** The image's named user is not looked up: its own /etc/passwd could call root anything. */
function checkNonRoot(
  { container }: Pick<ContainerInput, "container">,
  user: number | undefined,
  imageUser: string,
): void {
  const refuse = (why: string) => refused(`cannot run container ${shown(container.name)}: ${why}`);
  if (user === 0) throw refuse("container's runAsUser breaks non-root policy");
  if (user !== undefined) return;
  if (/^0*$/.test(imageUser)) throw refuse("container has runAsNonRoot and image will run as root");
  if (!/^\d+$/.test(imageUser))
    throw refuse(
      `container has runAsNonRoot and image has non-numeric user (${imageUser.slice(0, 100)}), cannot verify user is non-root`,
    );
}

/** Docker's GroupAdd: supplementalGroups and fsGroup. */
export function groupsOf({ spec }: Pod): string[] {
  const { supplementalGroups = [], fsGroup } = spec.securityContext ?? {};
  const ids = supplementalGroups.map((id) => idOf(id, "supplementalGroups"));
  return [...new Set([...ids, ...(fsGroup === undefined ? [] : [idOf(fsGroup, "fsGroup")])])].map(String);
}

/** Capabilities, filters and hidden paths. Errors: PodError for what this node has not. */
export function securityOf(input: ContainerInput): HostConfig {
  const { container } = input;
  const context = mergedContext(input);
  const { add = [], drop = [] } = context.capabilities ?? {};
  if (Object.keys(context.seLinuxOptions ?? {}).length > 0)
    throw refused(
      `cannot use seLinuxOptions of container ${shown(container.name)}: SELinux is not supported on this node`,
    );
  const options = [
    ...(context.allowPrivilegeEscalation === false ? ["no-new-privileges=true"] : []),
    seccompWord(context, input),
    ...appArmorWords(context, container.name),
  ];
  return {
    ...(add.length > 0 && { CapAdd: add }),
    ...(drop.length > 0 && { CapDrop: drop }),
    SecurityOpt: options,
    ...procMount(context),
  };
}

function procMount({ procMount: kind = "Default" }: Merged): HostConfig {
  if (kind === "Default") return {};
  if (kind === "Unmasked") return { MaskedPaths: [], ReadonlyPaths: [] };
  throw refused(`cannot use procMount ${shown(kind)}: wanted Default or Unmasked`);
}

/** Nothing said is RuntimeDefault, as kubelet does with --seccomp-default; a privileged container has none. */
function seccompWord(context: Merged, { seccompProfile }: ContainerInput): string {
  if (context.privileged) return "seccomp=unconfined";
  const type = context.seccompProfile?.type ?? "RuntimeDefault";
  if (type === "Unconfined") return "seccomp=unconfined";
  if (type === "RuntimeDefault") return "seccomp=builtin";
  if (type === "Localhost" && seccompProfile !== undefined) return `seccomp=${seccompProfile}`;
  throw refused(
    `cannot use seccompProfile ${shown(type)}: wanted RuntimeDefault, Unconfined, or Localhost with a profile of this node`,
  );
}

/** The engine says whether the kernel has AppArmor, when a profile is asked for by name. */
function appArmorWords({ appArmorProfile, privileged }: Merged, name: string): string[] {
  if (!appArmorProfile || privileged) return [];
  const { type, localhostProfile } = appArmorProfile;
  if (type === "Unconfined") return ["apparmor=unconfined"];
  if (type === "RuntimeDefault") return [];
  if (type === "Localhost" && localhostProfile) return [`apparmor=${localhostProfile}`];
  throw refused(
    `cannot use appArmorProfile ${shown(type)} of container ${shown(name)}: wanted RuntimeDefault, Unconfined or Localhost`,
  );
}
