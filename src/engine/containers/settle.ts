/** What is asked of a new container, checked as a whole before anything is made of it: everything that this host cannot do is refused here, by name. */
import { randomBytes } from "node:crypto";
import { existsSync, lstatSync, readFileSync } from "node:fs";
import { SampanError, invalid } from "../../base/errors.ts";
import type { CreateBody, HostConfig, RestartPolicy } from "../../spec/docker/create.ts";
import type { ImageConfigRun } from "../../spec/image/types.ts";
import { checkRules, validateConfig } from "../../spec/oci/validate.ts";
import type { ContainerExtras } from "./extras.ts";
import { checkLinks } from "./links.ts";
import { checkLog } from "./log-options.ts";
import { checkHostname, hostConfig, remapOf, type StoredContainer } from "./request.ts";
import type { Remap } from "../snapshots/snapshotter.ts";
import { signalNumber } from "./signals.ts";
import { checkNames } from "./spec/etc-files.ts";
import { checkExtras } from "./spec/extras.ts";
import { hostFacts, type HostFacts } from "./spec/host.ts";
import { checkNamespaces, isJoined, podOf, privateCgroups } from "./spec/namespaces.ts";
import { checkResources } from "./spec/resources.ts";
import { securityWords } from "./spec/security.ts";
import { containerSpec } from "./spec.ts";
import { volumesOf, withIdmaps, type VolumeMount, type VolumesInput } from "./volumes.ts";

export interface SettleInput {
  readonly body: CreateBody;
  readonly image: ImageConfigRun;
  /** The mounts of another container, for VolumesFrom. Errors: `not_found`. */
  readonly other?: VolumesInput["other"];
  readonly host?: HostFacts;
  readonly extras?: ContainerExtras;
  /** Of the pod that it is in. */
  readonly remap?: Remap;
}

export interface Settled {
  readonly stored: StoredContainer;
  /** For whoever asked: what was taken and does nothing here. */
  readonly warnings: readonly string[];
}

/** Errors: `invalid_argument`, `failed_precondition`, naming what it is about. */
export function settleContainer({ body, image, other, host: given, extras, ...more }: SettleInput): Settled {
  const asked = hostConfig(body);
  const host = given ?? hostFacts({ privileged: false });
  if (body.Hostname) checkHostname(body.Hostname);
  if (body.Domainname) checkHostname(body.Domainname);
  if (body.StopSignal) signalNumber(body.StopSignal);
  if (body.WorkingDir && !body.WorkingDir.startsWith("/"))
    throw invalid(
      `the working directory '${body.WorkingDir.slice(0, 150)}' is invalid, it needs to be an absolute path`,
    );
  const remap = more.remap ?? remapOf(asked.UsernsMode, textOf("/etc/subuid"), textOf("/etc/subgid"));
  checkNamespaces(body, remap !== undefined);
  checkNames(asked);
  checkUnsupported(asked);
  checkLinks(body);
  checkRestartPolicy(asked.RestartPolicy, asked.AutoRemove);
  checkCgroupWords(body, host);
  checkLog(asked.LogConfig);
  const warnings = [...checkResources(asked, host), ...checkExtras(extras ?? {}, host), ...idlePorts(asked)];
  const newName = () => randomBytes(32).toString("hex");
  const volumes = withIdmaps(volumesOf({ body, image, newName, ...(other && { other }) }), extras?.idmaps);
  checkSources(volumes);
  const stored = { body, image, remap, volumes, ...(extras && { extras }) };
  checkSpec(stored, host);
  return { stored, warnings };
}

function idlePorts({ NetworkMode, PortBindings, PublishAllPorts }: HostConfig): string[] {
  const published = PublishAllPorts === true || Object.keys(PortBindings ?? {}).length > 0;
  return NetworkMode === "host" && published
    ? ["Published ports are discarded when using host network mode"]
    : [];
}

function textOf(path: string): string {
  return lstatSync(path, { throwIfNoEntry: false }) ? readFileSync(path, "utf8") : "";
}

/** Of --mount, as Docker's daemon has it; -v makes what is not there. */
function checkSources(volumes: readonly VolumeMount[]): void {
  const missing = volumes.find(
    ({ kind, create, source }) => kind === "bind" && !create && !existsSync(source),
  );
  if (missing)
    throw invalid(
      `cannot mount "${missing.source}" at "${missing.destination}": bind source path does not exist: ${missing.source}`,
    );
}

function checkUnsupported(asked: HostConfig): void {
  const { Isolation = "", StorageOpt, Cgroup } = asked;
  if (Isolation !== "" && Isolation !== "default")
    throw invalid(`cannot use isolation "${Isolation}": on Linux there is only "default"`);
  if (Cgroup) throw invalid(`cannot use Cgroup "${Cgroup}": wanted CgroupParent`);
  const [option] = Object.keys(StorageOpt ?? {});
  if (option !== undefined)
    throw invalid(`cannot use storage option "${option}": a container's own layer has no limit here`);
}

/** Errors: `invalid_argument`. */
export function checkRestartPolicy(policy: RestartPolicy | null | undefined, autoRemove = false): void {
  const { Name = "", MaximumRetryCount = 0 } = policy ?? {};
  if (MaximumRetryCount !== 0 && Name !== "on-failure")
    throw invalid("invalid restart policy: maximum retry count can only be used with 'on-failure'");
  if (autoRemove && Name !== "" && Name !== "no")
    throw invalid("cannot create the container: AutoRemove and a restart policy exclude each other");
}

function checkCgroupWords(body: CreateBody, host: HostFacts): void {
  const word = securityWords(hostConfig(body).SecurityOpt ?? []).get("writable-cgroups");
  if (word === undefined || word === "false") return;
  if (host.unifiedCgroups && privateCgroups(body, host)) return;
  throw new SampanError(
    "failed_precondition",
    "cannot make cgroups writable: wanted cgroup v2 alone on the host and a cgroup namespace of the container's own",
  );
}

/** The specification is made once as it would be at its start: whatever that refuses is said now. */
function checkSpec(stored: StoredContainer, host: HostFacts): void {
  const { body } = stored;
  const asked = hostConfig(body);
  const there = "/proc/self/ns/net";
  const spec = containerSpec({
    id: "0".repeat(64),
    rootfs: "/rootfs",
    stored,
    user: { uid: 0, gid: 0, additionalGids: [], home: "/" },
    host,
    hostname: body.Hostname || "container",
    files: {},
    sourceOf: ({ source }) => source,
    init: "/init",
    joined: {
      ...(isJoined(asked.IpcMode) && { ipc: there }),
      ...(isJoined(asked.PidMode) && { pid: there }),
      ...(podOf(asked.NetworkMode) !== undefined && { network: there }),
      ...(podOf(asked.UTSMode) !== undefined && { uts: there }),
    },
  });
  checkRules(validateConfig(spec));
}
