/** What a container was asked to be, in full: its create body with the image's configuration under it, and dockerd's values where nothing was said. Pure. */
import type { ContainerInfo } from "../../../engine/containers/containers.ts";
import { isJoined } from "../../../engine/containers/spec/namespaces.ts";
import { maskedPaths, readonlyPaths } from "../../../engine/containers/spec/security.ts";
import { mergedEnvironment, processWords } from "../../../engine/containers/process.ts";
import type { CreateBody, HostConfig } from "../../../spec/docker/create.ts";

type Made = Pick<ContainerInfo, "id" | "image" | "body" | "imageConfig">;

/** The caller's go over the image's. */
export function labelsOf({ body, imageConfig }: Pick<Made, "body" | "imageConfig">): Record<string, string> {
  return { ...imageConfig.Labels, ...body.Labels };
}

/** `80/tcp`: what the image exposes, the caller exposes, and what is published. */
export function exposedPorts({ body, imageConfig }: Pick<Made, "body" | "imageConfig">): string[] {
  const all = {
    ...imageConfig.ExposedPorts,
    ...body.ExposedPorts,
    ...body.HostConfig?.PortBindings,
  };
  return [...new Set(Object.keys(all).map((port) => (port.includes("/") ? port : `${port}/tcp`)))];
}

export function networkMode({ HostConfig: host }: CreateBody): string {
  return host?.NetworkMode || "default";
}

const filled = (list: readonly string[] | null | undefined) => (list && list.length > 0 ? list : null);

/** `hostname` is this machine's, for a container that shares its name. */
export function configOf(container: Made, hostname: string): Record<string, unknown> {
  const { id, image, body, imageConfig } = container;
  const { entrypoint, command } = processWords(body, imageConfig);
  const ports = exposedPorts(container);
  const shares = body.HostConfig?.UTSMode === "host" || networkMode(body) === "host";
  const joined = isJoined(networkMode(body));
  return {
    Hostname: body.Hostname || (shares ? hostname : joined ? "" : id.slice(0, 12)),
    Domainname: body.Domainname ?? "",
    User: body.User || imageConfig.User || "",
    AttachStdin: body.AttachStdin === true,
    AttachStdout: body.AttachStdout === true,
    AttachStderr: body.AttachStderr === true,
    ...(ports.length > 0 ? { ExposedPorts: Object.fromEntries(ports.map((port) => [port, {}])) } : {}),
    Tty: body.Tty === true,
    OpenStdin: body.OpenStdin === true,
    StdinOnce: body.StdinOnce === true,
    Env: mergedEnvironment([...(imageConfig.Env ?? []), ...(body.Env ?? [])]),
    Cmd: filled(command),
    ...optional("Healthcheck", body.Healthcheck ?? imageConfig.Healthcheck),
    Image: image,
    Volumes: merged(imageConfig.Volumes, body.Volumes),
    WorkingDir: body.WorkingDir || (imageConfig.WorkingDir ?? ""),
    Entrypoint: filled(entrypoint),
    ...(body.NetworkDisabled ? { NetworkDisabled: true } : {}),
    ...(body.MacAddress ? { MacAddress: body.MacAddress } : {}),
    OnBuild: imageConfig.OnBuild ?? null,
    Labels: labelsOf(container),
    ...optional("StopSignal", body.StopSignal || imageConfig.StopSignal || undefined),
    ...optional("StopTimeout", body.StopTimeout),
    ...optional("Shell", body.Shell ?? imageConfig.Shell),
  };
}

function optional(name: string, value: unknown): Record<string, unknown> {
  return value === undefined || value === null ? {} : { [name]: value };
}

function merged(
  image: Readonly<Record<string, object>> | null | undefined,
  own: Readonly<Record<string, object>> | null | undefined,
): Record<string, object> | null {
  const all = { ...image, ...own };
  return Object.keys(all).length > 0 ? all : null;
}

/** In dockerd's order; what it calls null and what an empty list, clients compare. */
const hostDefaults = {
  Binds: null,
  ContainerIDFile: "",
  LogConfig: { Type: "json-file", Config: {} },
  NetworkMode: "default",
  PortBindings: {},
  RestartPolicy: { Name: "no", MaximumRetryCount: 0 },
  AutoRemove: false,
  VolumeDriver: "",
  VolumesFrom: null,
  ConsoleSize: [0, 0],
  CapAdd: null,
  CapDrop: null,
  CgroupnsMode: "",
  Dns: [],
  DnsOptions: [],
  DnsSearch: [],
  ExtraHosts: null,
  GroupAdd: null,
  IpcMode: "private",
  Cgroup: "",
  Links: null,
  OomScoreAdj: 0,
  PidMode: "",
  Privileged: false,
  PublishAllPorts: false,
  ReadonlyRootfs: false,
  SecurityOpt: null,
  UTSMode: "",
  UsernsMode: "",
  ShmSize: 64 << 20,
  Isolation: "",
  CpuShares: 0,
  Memory: 0,
  NanoCpus: 0,
  CgroupParent: "",
  BlkioWeight: 0,
  BlkioWeightDevice: [],
  BlkioDeviceReadBps: [],
  BlkioDeviceWriteBps: [],
  BlkioDeviceReadIOps: [],
  BlkioDeviceWriteIOps: [],
  CpuPeriod: 0,
  CpuQuota: 0,
  CpuRealtimePeriod: 0,
  CpuRealtimeRuntime: 0,
  CpusetCpus: "",
  CpusetMems: "",
  Devices: [],
  DeviceCgroupRules: null,
  DeviceRequests: null,
  MemoryReservation: 0,
  MemorySwap: 0,
  MemorySwappiness: null,
  OomKillDisable: null,
  PidsLimit: null,
  Ulimits: [],
  CpuCount: 0,
  CpuPercent: 0,
  IOMaximumIOps: 0,
  IOMaximumBandwidth: 0,
  MaskedPaths: maskedPaths,
  ReadonlyPaths: readonlyPaths,
} as const;

export interface HostValues {
  /** The default runtime's name. */
  readonly runtime: string;
  /** cgroups version 2, where each container has a namespace of them. */
  readonly unified: boolean;
}

export function hostConfigOf(
  { body }: Pick<Made, "body">,
  { runtime, unified }: HostValues,
): Record<string, unknown> {
  const asked: HostConfig = body.HostConfig ?? {};
  const own = Object.entries(asked).filter(([, value]) => value !== null && value !== undefined);
  const config = { ...hostDefaults, Runtime: runtime, ...Object.fromEntries(own) };
  const paths = asked.Privileged ? { MaskedPaths: null, ReadonlyPaths: null } : {};
  return {
    ...config,
    ...(asked.MaskedPaths || asked.ReadonlyPaths ? {} : paths),
    Runtime: asked.Runtime || runtime,
    NetworkMode: networkMode(body),
    IpcMode: asked.IpcMode || "private",
    ShmSize: asked.ShmSize || hostDefaults.ShmSize,
    // Swap is as much again where nothing was said of it.
    MemorySwap: asked.MemorySwap || 2 * (asked.Memory ?? 0),
    // "Nothing" in a client's own words.
    MemorySwappiness: asked.MemorySwappiness === -1 ? null : config.MemorySwappiness,
    PidsLimit: (asked.PidsLimit ?? 0) > 0 ? config.PidsLimit : null,
    CgroupnsMode: asked.CgroupnsMode || (unified && asked.Privileged !== true ? "private" : "host"),
    LogConfig: {
      Type: asked.LogConfig?.Type || "json-file",
      Config: asked.LogConfig?.Config ?? {},
    },
    RestartPolicy: {
      Name: asked.RestartPolicy?.Name || "no",
      MaximumRetryCount: asked.RestartPolicy?.MaximumRetryCount ?? 0,
    },
  };
}
