/** The body of POST /containers/create that flags and words ask for: only what was said, so that the daemon's own defaults hold for the rest. */
import { invalid } from "../../../base/errors.ts";
import type { ContainerConfig, CreateBody, HostConfig } from "../../../spec/docker/create.ts";
import type { Flags } from "../../flags/flags.ts";
import { given } from "../../flags/shared.ts";
import { parseDevices, parseGpus, parseOperations, parseRate, parseWeight } from "./devices.ts";
import type { createFlags } from "./flags.ts";
import { parseHealth, parseRestart, parseUlimit } from "./health.ts";
import { labels, pairs, variables } from "./key-values.ts";
import { parseMount, parseTmpfs, parseVolumes, type Volumes } from "./mounts.ts";
import { parseNetworking } from "./networking.ts";
import { parsePorts, type Ports } from "./ports.ts";
import { resourcesOf } from "./resources.ts";
import { capabilitiesOf, parseSecurity } from "./security.ts";

export type CreateFlags = Flags<typeof createFlags>;

export interface Around {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Nobody is attached. */
  readonly detached: boolean;
}

/** Errors: `invalid_argument` for a value that does not fit, `not_found` for a file. */
export async function createBody(
  flags: CreateFlags,
  words: readonly string[],
  around: Around,
): Promise<CreateBody> {
  const volumes = parseVolumes(flags.volume, around.cwd);
  const ports = parsePorts(flags.publish, flags.expose);
  const { mode, endpoints } = parseNetworking(flags);
  return {
    ...(await configOf(flags, words, { ...around, volumes, ports })),
    HostConfig: {
      ...(await hostOf(flags, around.cwd)),
      ...some("Binds", volumes.binds),
      ...some("PortBindings", ports.bindings),
      NetworkMode: mode,
    },
    ...(Object.keys(endpoints).length > 0 ? { NetworkingConfig: { EndpointsConfig: endpoints } } : {}),
  };
}

/** Leaves an empty list, object or text out. */
function some<K extends string, V extends object>(key: K, value: V): { [Key in K]?: V } {
  const size = Array.isArray(value) ? value.length : Object.keys(value).length;
  return size > 0 ? ({ [key]: value } as { [Key in K]: V }) : {};
}

const yes = <K extends string>(key: K, value: boolean): { [Key in K]?: boolean } =>
  value ? ({ [key]: true } as { [Key in K]: boolean }) : {};

interface Parts extends Around {
  readonly volumes: Volumes;
  readonly ports: Ports;
}

/** An empty one takes the image's away: docker says so by one empty word. */
const entrypoint = (text: string | undefined) => (text === undefined ? undefined : [text]);

async function configOf(
  flags: CreateFlags,
  [image = "", ...command]: readonly string[],
  { env, detached, volumes, ports }: Parts,
): Promise<ContainerConfig> {
  return {
    Image: image,
    ...some("Cmd", command),
    ...attachments(flags, detached),
    ...yes("Tty", flags.tty),
    ...yes("OpenStdin", flags.interactive),
    ...some("Env", await variables(flags["env-file"], flags.env, env)),
    ...some("Labels", await labels(flags["label-file"], flags.label)),
    ...some("Volumes", volumes.anonymous),
    ...some("ExposedPorts", ports.exposed),
    ...given("Entrypoint", entrypoint(flags.entrypoint)),
    ...given("Hostname", flags.hostname),
    ...given("Domainname", flags.domainname),
    ...given("User", flags.user),
    ...given("WorkingDir", flags.workdir),
    ...given("StopSignal", flags["stop-signal"]),
    ...given("StopTimeout", flags["stop-timeout"]),
    ...given("Healthcheck", parseHealth(flags)),
  };
}

const streams = ["stdin", "stdout", "stderr"] as const;

function attachments(flags: CreateFlags, detached: boolean): ContainerConfig {
  const asked = flags.attach.map((text) => {
    const found = streams.find((stream) => stream === text.toLowerCase());
    if (!found) throw invalid(`cannot attach to "${text}": wanted stdin, stdout or stderr`);
    return found;
  });
  if (detached) {
    if (asked.length > 0) throw invalid("cannot use -d with -a: nobody is attached in the background");
    return {};
  }
  const has = (stream: (typeof streams)[number]) =>
    asked.length > 0 ? asked.includes(stream) : stream !== "stdin" || flags.interactive;
  return {
    ...yes("AttachStdin", has("stdin")),
    ...yes("AttachStdout", has("stdout")),
    ...yes("AttachStderr", has("stderr")),
    ...yes("StdinOnce", has("stdin") && flags.interactive),
  };
}

async function hostOf(flags: CreateFlags, cwd: string): Promise<HostConfig> {
  if (flags.rm && flags.restart !== undefined && flags.restart !== "no")
    throw invalid("cannot use --restart with --rm: a container that is removed cannot come back");
  return {
    ...resourcesOf(flags),
    ...limitsOf(flags),
    ...namespacesOf(flags),
    ...(await securityOf(flags)),
    ...storageOf(flags, cwd),
    ...namesOf(flags),
    ...yes("AutoRemove", flags.rm),
    ...given("Init", flags.init),
    ...given("Runtime", flags.runtime),
    ...given("ContainerIDFile", flags.cidfile),
    ...given("RestartPolicy", flags.restart === undefined ? undefined : parseRestart(flags.restart)),
    ...some("Annotations", pairs(flags.annotation, "annotation")),
    ...logOf(flags),
  };
}

function logOf(flags: CreateFlags): HostConfig {
  const options = pairs(flags["log-opt"], "log option");
  const type = flags["log-driver"];
  if (type === "none" && flags["log-opt"].length > 0)
    throw invalid("cannot use --log-opt with --log-driver none: it has no options");
  if (type === undefined && flags["log-opt"].length === 0) return {};
  return { LogConfig: { ...given("Type", type), ...some("Config", options) } };
}

function limitsOf(flags: CreateFlags): HostConfig {
  return {
    ...given("MemorySwappiness", flags["memory-swappiness"]),
    ...given("CgroupParent", flags["cgroup-parent"]),
    ...given("OomScoreAdj", flags["oom-score-adj"]),
    ...yes("OomKillDisable", flags["oom-kill-disable"]),
    ...some(
      "Ulimits",
      flags.ulimit.map(parseUlimit).toSorted((a, b) => (a.Name < b.Name ? -1 : 1)),
    ),
    ...some("BlkioWeightDevice", flags["blkio-weight-device"].map(parseWeight)),
    ...some("BlkioDeviceReadBps", flags["device-read-bps"].map(parseRate)),
    ...some("BlkioDeviceWriteBps", flags["device-write-bps"].map(parseRate)),
    ...some("BlkioDeviceReadIOps", flags["device-read-iops"].map(parseOperations)),
    ...some("BlkioDeviceWriteIOps", flags["device-write-iops"].map(parseOperations)),
  };
}

function namespacesOf(flags: CreateFlags): HostConfig {
  return {
    ...given("PidMode", flags.pid),
    ...given("IpcMode", flags.ipc),
    ...given("UTSMode", flags.uts),
    ...given("UsernsMode", flags.userns),
    ...given("CgroupnsMode", flags.cgroupns),
    ...given("Isolation", flags.isolation),
  };
}

async function securityOf(flags: CreateFlags): Promise<HostConfig> {
  const { options, bare } = await parseSecurity(flags["security-opt"]);
  const capabilities = capabilitiesOf(flags["cap-add"], flags["cap-drop"]);
  return {
    ...yes("Privileged", flags.privileged),
    ...some("CapAdd", capabilities.add),
    ...some("CapDrop", capabilities.drop),
    ...some("SecurityOpt", options),
    ...(bare ? { MaskedPaths: [], ReadonlyPaths: [] } : {}),
    ...some("GroupAdd", flags["group-add"]),
    ...some("Sysctls", pairs(flags.sysctl, "sysctl")),
  };
}

function storageOf(flags: CreateFlags, cwd: string): HostConfig {
  const { mappings, requests } = parseDevices(flags.device);
  const gpus = flags.gpus === undefined ? [] : [parseGpus(flags.gpus)];
  return {
    ...some(
      "Mounts",
      flags.mount.map((text) => parseMount(text, cwd)),
    ),
    ...some("Tmpfs", parseTmpfs(flags.tmpfs)),
    ...some("VolumesFrom", flags["volumes-from"]),
    ...given("VolumeDriver", flags["volume-driver"]),
    ...yes("ReadonlyRootfs", flags["read-only"]),
    ...some("StorageOpt", pairs(flags["storage-opt"], "storage option")),
    ...given("ShmSize", flags["shm-size"]),
    ...some("Devices", mappings),
    ...some("DeviceRequests", [...gpus, ...requests]),
    ...some("DeviceCgroupRules", flags["device-cgroup-rule"]),
  };
}

function hostLine(text: string): string {
  const at = text.search(/[:=]/);
  if (at < 1 || at === text.length - 1) throw invalid(`cannot add host "${text}": wanted NAME:ADDRESS`);
  const address = text.slice(at + 1).replace(/^\[(.*)\]$/, "$1");
  return `${text.slice(0, at)}:${address}`;
}

function namesOf(flags: CreateFlags): HostConfig {
  return {
    ...yes("PublishAllPorts", flags["publish-all"]),
    ...some("Links", flags.link),
    ...some("Dns", flags.dns),
    ...some("DnsOptions", flags["dns-option"]),
    ...some("DnsSearch", flags["dns-search"]),
    ...some("ExtraHosts", flags["add-host"].map(hostLine)),
  };
}
