/** A container as the engine makes one. Pure, but for the one reader of seccomp profiles. */
import { createHash } from "node:crypto";
import { posix } from "node:path";
import { invalid } from "../../../base/errors.ts";
import type { ContainerExtras } from "../../../engine/containers/extras.ts";
import type { CreateBody, DeviceMapping, DeviceRequest, HostConfig } from "../../../spec/docker/create.ts";
import { type ContainerConfig, type KeyValue, NamespaceMode } from "../../../wire/cri/cri_pb.ts";
import { containerOrigin, type NamedSandbox } from "../known.ts";
import { numberOf } from "../numbers.ts";
import { parentOf } from "../sandboxes/request.ts";
import { idmapsOf, mountsOf } from "./mounts.ts";
import { extraLimitsOf, limitsOf } from "./resources.ts";
import { securityExtras, securityOf, userOf } from "./security.ts";
import { signalName } from "./signals.ts";

export interface ContainerInput {
  readonly sandbox: NamedSandbox;
  readonly config: ContainerConfig;
  /** Below it the kernel does not let this process put another's oom_score_adj. */
  readonly leastOomScore: number;
}

/** Errors: `invalid_argument`, `permission_denied`, naming the field. */
export function containerBody(input: ContainerInput): CreateBody {
  const { config } = input;
  const context = config.linux?.securityContext;
  const { stdin, stdinOnce, command, args } = config;
  const user = userOf(context);
  const signal = signalName(config.stopSignal);
  const image = config.image?.image ?? "";
  if (image === "") throw invalid("cannot create the container: its configuration names no image");
  return {
    Image: image,
    ...(user !== undefined && { User: user }),
    ...(command.length > 0 && { Entrypoint: command }),
    ...(args.length > 0 && { Cmd: args }),
    ...(config.workingDir !== "" && { WorkingDir: config.workingDir }),
    Env: config.envs.map(variableOf),
    Tty: config.tty,
    OpenStdin: stdin,
    StdinOnce: stdin && stdinOnce,
    Labels: config.labels,
    ...(signal !== undefined && { StopSignal: signal }),
    // Probes are kubelet's: a health check of the image's would run beside them.
    Healthcheck: { Test: ["NONE"] },
    HostConfig: hostConfigOf(input),
  };
}

function variableOf({ key, value }: KeyValue): string {
  if (key === "" || key.includes("="))
    throw invalid(`cannot set variable "${key.slice(0, 150)}": it is no name`);
  try {
    return `${key}=${new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value)}`;
  } catch {
    throw invalid(`cannot set variable "${key.slice(0, 150)}": its value is no UTF-8`);
  }
}

function hostConfigOf(input: ContainerInput): HostConfig {
  const { sandbox, config, leastOomScore } = input;
  const resources = config.linux?.resources;
  const score = resources ? numberOf(resources.oomScoreAdj, "oom_score_adj") : 0;
  const parent = parentOf(sandbox.config.linux?.cgroupParent ?? "");
  const cdi = cdiRequests(config);
  const hasLog = logPathOf(input) !== undefined;
  return {
    ...namespacesOf(input),
    ...limitsOf(resources),
    ...securityOf(config.linux?.securityContext),
    ...(parent !== undefined && { CgroupParent: parent }),
    ...(score !== 0 && { OomScoreAdj: Math.max(score, leastOomScore) }),
    RestartPolicy: { Name: "no" },
    ...(!hasLog && { LogConfig: { Type: "none" } }),
    Mounts: mountsOf(config.mounts),
    ...(config.devices.length > 0 && { Devices: devicesOf(config) }),
    ...(cdi.length > 0 && { DeviceRequests: cdi }),
  };
}

/** Of the sandbox, but for the container's own processes. */
function namespacesOf({ sandbox, config }: ContainerInput): HostConfig {
  const of = `pod:${sandbox.info.id}`;
  const { request } = sandbox.info;
  const options = config.linux?.securityContext?.namespaceOptions;
  const { pid = NamespaceMode.POD, targetId = "" } = options ?? {};
  const modes = { NetworkMode: of, IpcMode: of, UTSMode: of };
  if (pid === NamespaceMode.NODE || (pid === NamespaceMode.POD && request.hostPid))
    return { ...modes, PidMode: "host" };
  if (pid === NamespaceMode.TARGET) {
    if (targetId === "") throw invalid("cannot join processes: target_id names no container");
    return { ...modes, PidMode: `container:${targetId}` };
  }
  if (pid !== NamespaceMode.POD && pid !== NamespaceMode.CONTAINER)
    throw invalid(`cannot create the container: there is no pid namespace of kind ${String(pid)}`);
  // A pod that shares none has nothing to join: then it is the container's own.
  return pid === NamespaceMode.POD && request.sharePid ? { ...modes, PidMode: of } : modes;
}

function devicesOf({ devices }: ContainerConfig): DeviceMapping[] {
  return devices.map(({ hostPath, containerPath, permissions }) => ({
    PathOnHost: hostPath,
    PathInContainer: containerPath || hostPath,
    CgroupPermissions: permissions || "rwm",
  }));
}

/** The older way to name them: `cdi.k8s.io/<who asked>: vendor.com/class=name,…`. */
const annotation = "cdi.k8s.io/";

function cdiRequests({ CDIDevices: devices, annotations }: ContainerConfig): DeviceRequest[] {
  const older = Object.entries(annotations)
    .filter(([key]) => key.startsWith(annotation))
    .flatMap(([, value]) => value.split(","));
  const names = [...new Set([...devices.map(({ name }) => name), ...older])].filter((name) => name !== "");
  return names.length === 0 ? [] : [{ Driver: "cdi", DeviceIDs: names }];
}

/** `<log_directory>/<log_path>`; undefined: it has none. Errors: `invalid_argument` for one outside of the directory. */
export function logPathOf({
  sandbox,
  config,
}: Pick<ContainerInput, "sandbox" | "config">): string | undefined {
  const { logDirectory } = sandbox.config;
  if (logDirectory === "" || config.logPath === "") return undefined;
  const path = posix.join(logDirectory, config.logPath);
  if (path.startsWith(`${posix.join(logDirectory, "/")}`) && !path.includes("\0")) return path;
  throw invalid(
    `cannot use log path "${config.logPath.slice(0, 150)}": it leads out of the pod's log directory`,
  );
}

export function containerExtras(input: ContainerInput): ContainerExtras {
  const { config } = input;
  const idmaps = idmapsOf(config.mounts);
  const logPath = logPathOf(input);
  return {
    ...securityExtras(config.linux?.securityContext),
    ...extraLimitsOf(config.linux?.resources),
    ...(Object.keys(idmaps).length > 0 && { idmaps }),
    ...(logPath !== undefined && { logPath }),
    origin: containerOrigin(config),
  };
}

/** One of a name and attempt in a sandbox; the same words for whoever looks with Docker's tools. */
export function containerName({ sandbox, config }: Pick<ContainerInput, "sandbox" | "config">): string {
  const { name, attempt } = config.metadata ?? { name: "", attempt: 0 };
  if (name === "") throw invalid("cannot create the container: its metadata has no name");
  const { id, request } = sandbox.info;
  const plain = ["k8s", name, request.name, request.namespace, id.slice(0, 12), attempt].join("_");
  if (/^[A-Za-z0-9_.-]{1,255}$/.test(plain)) return plain;
  const digest = createHash("sha256").update(name).digest("hex").slice(0, 32);
  return ["k8s", digest, id.slice(0, 12), attempt].join("_");
}
