/** A container of a pod as the engine makes one. Pure, but for the one reader of seccomp profiles. */
import { readFile } from "node:fs/promises";
import { posix } from "node:path";
import type { CreateBody, HostConfig, Mount } from "../../../spec/docker/create.ts";
import { expandedWords } from "./environment.ts";
import { PodError, shown } from "./pod-error.ts";
import { cgroupParent, containerLimits, oomScore } from "./qos.ts";
import { podLabels } from "./sandbox.ts";
import { groupsOf, securityOf, userOf } from "./security.ts";
import type { ContainerInput } from "./translate.ts";

/** A hostile pod's thousands would each cost the kernel a mount and us a look. */
const mostMounts = 1000;
const terminationPath = "/dev/termination-log";
/** As kubelet keeps a container's log. */
const log = { Type: "json-file", Config: { "max-size": "10m", "max-file": "5" } } as const;

/** Errors: PodError `CreateContainerConfigError`. */
export function containerBody(input: ContainerInput): CreateBody {
  const { pod, container, environment, sandbox, image } = input;
  const words = expandedWords(container, environment);
  const { metadata } = pod;
  const user = userOf(input);
  return {
    Image: image,
    ...(user !== undefined && { User: user }),
    ...(words.command && { Entrypoint: words.command }),
    ...(words.args && { Cmd: words.args }),
    ...(container.workingDir && { WorkingDir: workingFolder(input) }),
    Env: environment,
    Tty: container.tty === true,
    OpenStdin: container.stdin === true,
    StdinOnce: container.stdin === true && container.stdinOnce === true,
    Labels: {
      [podLabels.name]: metadata.name ?? "",
      [podLabels.namespace]: metadata.namespace ?? "default",
      [podLabels.uid]: metadata.uid ?? "",
      [podLabels.container]: container.name,
      [podLabels.attempt]: String(input.attempt),
      [podLabels.kind]: input.kind,
    },
    ...(container.lifecycle?.stopSignal && { StopSignal: container.lifecycle.stopSignal }),
    // Probes are Edged's: a health check of the image's would run beside them.
    Healthcheck: { Test: ["NONE"] },
    HostConfig: { ...joined(input, sandbox), ...hostConfig(input) },
  };
}

function joined({ pod, target }: ContainerInput, sandbox: string): HostConfig {
  const { hostPID, shareProcessNamespace } = pod.spec;
  const of = `pod:${sandbox}`;
  const pid = hostPID ? "host" : shareProcessNamespace ? of : target && `container:${target}`;
  return { NetworkMode: of, IpcMode: of, UTSMode: of, ...(pid && { PidMode: pid }) };
}

function hostConfig(input: ContainerInput): HostConfig {
  const { pod, container, node, devices } = input;
  const own = container.securityContext ?? {};
  const groups = groupsOf(pod);
  return {
    ...containerLimits(container.resources),
    CgroupParent: cgroupParent(pod),
    OomScoreAdj: oomScore(pod, container, node),
    RestartPolicy: { Name: "no" },
    LogConfig: log,
    Mounts: mountsOf(input),
    ...(groups.length > 0 && { GroupAdd: groups }),
    ...(own.privileged && { Privileged: true }),
    ...(own.readOnlyRootFilesystem && { ReadonlyRootfs: true }),
    ...(devices.length > 0 && {
      Devices: devices.map(({ source, target }) => ({
        PathOnHost: source,
        PathInContainer: placeOf(target),
        CgroupPermissions: "rwm",
      })),
    }),
    ...securityOf(input),
    ...(pod.spec.runtimeClassName && { Runtime: pod.spec.runtimeClassName }),
  };
}

function workingFolder({ container }: ContainerInput): string {
  const folder = container.workingDir ?? "";
  if (folder.startsWith("/") && !folder.includes("\0")) return folder;
  throw refused(
    `cannot use working directory ${shown(folder)} of container ${shown(container.name)}: it is not absolute`,
  );
}

const refused = (text: string) => new PodError("CreateContainerConfigError", text);

const propagations: Readonly<Record<string, string>> = {
  None: "rprivate",
  HostToContainer: "rslave",
  Bidirectional: "rshared",
};

function mountsOf(input: ContainerInput): Mount[] {
  const { container, mounts, terminationMessage, etcHosts } = input;
  if (mounts.length > mostMounts)
    throw refused(
      `cannot mount ${mounts.length} volumes in container ${shown(container.name)}: wanted at most ${mostMounts}`,
    );
  const asked = mounts.map((mount) => {
    const Propagation = propagationOf(input, mount.propagation ?? "None");
    return bind(mount.source, placeOf(mount.target), { readOnly: mount.readOnly, Propagation });
  });
  const taken = new Set(asked.map(({ Target }) => Target));
  const ours: [string, string | undefined][] = [
    [container.terminationMessagePath || terminationPath, terminationMessage],
    ["/etc/hosts", etcHosts],
  ];
  for (const [place, source] of ours) {
    const target = placeOf(place);
    if (source !== undefined && !taken.has(target)) asked.push(bind(source, target, {}));
  }
  return asked;
}

function bind(
  source: string,
  target: string,
  { readOnly = false, Propagation = "rprivate" }: { readOnly?: boolean; Propagation?: string },
): Mount {
  return { Type: "bind", Source: source, Target: target, ReadOnly: readOnly, BindOptions: { Propagation } };
}

function propagationOf({ container }: ContainerInput, word: string): string {
  const known = Object.hasOwn(propagations, word) ? propagations[word] : undefined;
  if (known === undefined)
    throw refused(
      `cannot use mountPropagation ${shown(word)}: wanted ${Object.keys(propagations).join(", ")}`,
    );
  if (word === "Bidirectional" && !container.securityContext?.privileged)
    throw refused(
      `cannot use mountPropagation Bidirectional in container ${shown(container.name)}: it is for privileged ones`,
    );
  return known;
}

/** Symlinks on the way are the image's; the engine resolves them inside of its root. Here: one absolute path that names something below the root, as the API has it. */
function placeOf(path: string): string {
  const parts = path.split("/");
  if (
    !path.startsWith("/") ||
    path.includes("\0") ||
    path.length > 4095 ||
    parts.includes("..") ||
    path.includes(":")
  )
    throw refused(`cannot mount at ${shown(path)}: wanted an absolute path without ".." and ":"`);
  const place = posix.normalize(path).replace(/(?<=.)\/$/, "");
  if (place === "/") throw refused('cannot mount at "/": that is the container\'s root');
  return place;
}

const largestProfile = 1 << 20;

/**
 * The text of the profile that a container's or its pod's seccompProfile of type Localhost names, below `folder`; undefined where none is asked for.
 * Errors: PodError `CreateContainerConfigError` when it is not there.
 */
export async function localhostProfile(
  folder: string,
  { pod, container }: Pick<ContainerInput, "pod" | "container">,
): Promise<string | undefined> {
  const profile = container.securityContext?.seccompProfile ?? pod.spec.securityContext?.seccompProfile;
  if (profile?.type !== "Localhost") return undefined;
  const name = profile.localhostProfile ?? "";
  if (name === "" || name.startsWith("/") || name.includes("\0") || name.split("/").includes(".."))
    throw refused(
      `cannot use seccomp profile ${shown(name)}: wanted a path below the node's folder of profiles`,
    );
  try {
    const text = await readFile(posix.join(folder, name), "utf8");
    if (text.length <= largestProfile) return text;
    throw new Error(`it has more than ${largestProfile} bytes`);
  } catch (error) {
    throw new PodError(
      "CreateContainerConfigError",
      `cannot use seccomp profile ${shown(name)}: ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
}
