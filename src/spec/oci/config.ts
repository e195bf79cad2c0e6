/**
 * config.json of the OCI runtime specification 1.3.0 for Linux, as types: config.md and config-linux.md.
 * Names are exactly those of the JSON document. A property that the document may leave out is optional here; so is
 * one that the text calls required but that runc takes as its zero value. Other platforms' properties are not here.
 *
 * Numbers: JSON integers to 2^53 are `number`. The fields of type Int take the whole 64-bit range, because real
 * documents use it (RLIM_INFINITY, seccomp masks, memory limits); parse.ts keeps those exact as `bigint`.
 */
import type {
  DeviceRuleType,
  DeviceType,
  HookKind,
  IoPriorityClass,
  MemoryPolicyFlag,
  MemoryPolicyMode,
  NamespaceType,
  PersonalityDomain,
  RlimitType,
  RootfsPropagation,
  SchedulerFlag,
  SchedulerPolicy,
  SeccompAction,
  SeccompArchitecture,
  SeccompFlag,
  SeccompOperator,
} from "./values.ts";

/** An integer: `number` when it is at most 2^53-1 in size, else `bigint`. `String(value)` is its decimal form in both. */
export type Int = number | bigint;

/** config.md: the whole document. */
export interface OciConfig {
  ociVersion: string;
  root: OciRoot;
  mounts?: OciMount[];
  /** The specification asks for it only at `start`; runc asks for it at `create`, and so does the validator. */
  process: OciProcess;
  hostname?: string;
  domainname?: string;
  hooks?: OciHooks;
  annotations?: Record<string, string>;
  linux?: OciLinux;
}

/** config.md, "Root". A relative path is relative to the bundle. */
export interface OciRoot {
  path: string;
  readonly?: boolean;
}

/** config.md, "Mounts". */
export interface OciMount {
  /** A path in the container. A relative one is taken from "/", as runc does. */
  destination: string;
  type?: string;
  source?: string;
  options?: string[];
  uidMappings?: OciIdMapping[];
  gidMappings?: OciIdMapping[];
}

/** config-linux.md, "User namespace mappings". All three are 32-bit. */
export interface OciIdMapping {
  containerID: number;
  hostID: number;
  size: number;
}

/** config.md, "Process". */
export interface OciProcess {
  terminal?: boolean;
  consoleSize?: OciConsoleSize;
  cwd: string;
  env?: string[];
  /** At least one. */
  args: string[];
  rlimits?: OciRlimit[];
  apparmorProfile?: string;
  capabilities?: OciCapabilities;
  noNewPrivileges?: boolean;
  /** -1000 to 1000; left out: the container inherits the runtime's. */
  oomScoreAdj?: number;
  scheduler?: OciScheduler;
  selinuxLabel?: string;
  ioPriority?: OciIoPriority;
  execCPUAffinity?: OciCpuAffinity;
  /** Left out: user and group 0. */
  user?: OciUser;
}

/** In character cells. */
export interface OciConsoleSize {
  height: number;
  width: number;
}

export interface OciRlimit {
  type: RlimitType;
  /** 2^64-1 is RLIM_INFINITY. */
  soft: Int;
  hard: Int;
}

/** Five sets of names like "CAP_CHOWN"; names that the kernel lacks are passed over with a warning, as runc does. */
export interface OciCapabilities {
  bounding?: string[];
  effective?: string[];
  inheritable?: string[];
  permitted?: string[];
  ambient?: string[];
}

/** sched_setattr(2). Times are nanoseconds. */
export interface OciScheduler {
  policy: SchedulerPolicy;
  nice?: number;
  priority?: number;
  flags?: SchedulerFlag[];
  runtime?: number;
  deadline?: number;
  period?: number;
}

/** ioprio_set(2). */
export interface OciIoPriority {
  class: IoPriorityClass;
  /** 0 to 7, 0 is the highest. */
  priority?: number;
}

/** CPU lists like "0-3,7" for processes that `exec` adds: before and after the move into the container's cgroup. */
export interface OciCpuAffinity {
  initial?: string;
  final?: string;
}

export interface OciUser {
  uid?: number;
  gid?: number;
  umask?: number;
  additionalGids?: number[];
}

/** config.md, "POSIX-platform Hooks". */
export type OciHooks = { [kind in HookKind]?: OciHook[] };

export interface OciHook {
  /** Absolute; on the host, but in the container for startContainer. */
  path: string;
  args?: string[];
  env?: string[];
  /** Seconds, above 0. */
  timeout?: number;
}

/** config-linux.md. */
export interface OciLinux {
  namespaces?: OciNamespace[];
  uidMappings?: OciIdMapping[];
  gidMappings?: OciIdMapping[];
  timeOffsets?: OciTimeOffsets;
  devices?: OciDevice[];
  /** By name in the runtime's network namespace. */
  netDevices?: Record<string, OciNetDevice>;
  cgroupsPath?: string;
  resources?: OciResources;
  rootfsPropagation?: RootfsPropagation;
  seccomp?: OciSeccomp;
  sysctl?: Record<string, string>;
  maskedPaths?: string[];
  readonlyPaths?: string[];
  mountLabel?: string;
  intelRdt?: OciIntelRdt;
  personality?: OciPersonality;
  memoryPolicy?: OciMemoryPolicy;
}

export interface OciNamespace {
  type: NamespaceType;
  /** Of an existing namespace to join; left out or "": a new one. */
  path?: string;
}

export interface OciTimeOffsets {
  monotonic?: OciTimeOffset;
  boottime?: OciTimeOffset;
}

export interface OciTimeOffset {
  secs?: number;
  nanosecs?: number;
}

export interface OciDevice {
  path: string;
  type: DeviceType;
  /** Needed for all types but "p". */
  major?: number;
  minor?: number;
  /** Permission bits, as a plain number: 438 is rw-rw-rw-. */
  fileMode?: number;
  uid?: number;
  gid?: number;
}

export interface OciNetDevice {
  /** Its name in the container; left out: unchanged. */
  name?: string;
}

export interface OciResources {
  devices?: OciDeviceRule[];
  memory?: OciMemory;
  cpu?: OciCpu;
  pids?: OciPids;
  blockIO?: OciBlockIo;
  hugepageLimits?: OciHugepageLimit[];
  network?: OciNetwork;
  /** By device name. */
  rdma?: Record<string, OciRdma>;
  /** cgroup v2 file name to content. */
  unified?: Record<string, string>;
}

export interface OciDeviceRule {
  allow: boolean;
  /** Left out: "a". */
  type?: DeviceRuleType;
  /** Left out: all. */
  major?: number;
  minor?: number;
  /** Letters of "rwm"; left out: all three. */
  access?: string;
}

/** Bytes; -1 is "no limit". */
export interface OciMemory {
  limit?: Int;
  reservation?: Int;
  /** Memory and swap together. */
  swap?: Int;
  kernel?: Int;
  kernelTCP?: Int;
  /** 0 to 100. */
  swappiness?: number;
  disableOOMKiller?: boolean;
  useHierarchy?: boolean;
  checkBeforeUpdate?: boolean;
}

/** Times are microseconds. */
export interface OciCpu {
  shares?: number;
  quota?: number;
  burst?: number;
  period?: number;
  realtimeRuntime?: number;
  realtimePeriod?: number;
  cpus?: string;
  mems?: string;
  idle?: number;
}

export interface OciPids {
  limit?: number;
}

export interface OciBlockIo {
  weight?: number;
  leafWeight?: number;
  weightDevice?: OciWeightDevice[];
  throttleReadBpsDevice?: OciThrottleDevice[];
  throttleWriteBpsDevice?: OciThrottleDevice[];
  throttleReadIOPSDevice?: OciThrottleDevice[];
  throttleWriteIOPSDevice?: OciThrottleDevice[];
}

export interface OciWeightDevice {
  major: number;
  minor: number;
  weight?: number;
  leafWeight?: number;
}

export interface OciThrottleDevice {
  major: number;
  minor: number;
  rate: Int;
}

export interface OciHugepageLimit {
  /** Like "2MB". */
  pageSize: string;
  limit: Int;
}

export interface OciNetwork {
  classID?: number;
  priorities?: OciInterfacePriority[];
}

export interface OciInterfacePriority {
  name: string;
  priority: number;
}

export interface OciRdma {
  hcaHandles?: number;
  hcaObjects?: number;
}

/** config-linux.md, "Seccomp". */
export interface OciSeccomp {
  defaultAction: SeccompAction;
  defaultErrnoRet?: number;
  architectures?: SeccompArchitecture[];
  flags?: SeccompFlag[];
  listenerPath?: string;
  listenerMetadata?: string;
  syscalls?: OciSyscall[];
}

export interface OciSyscall {
  names: string[];
  action: SeccompAction;
  errnoRet?: number;
  args?: OciSyscallArg[];
}

export interface OciSyscallArg {
  /** 0 to 5. */
  index: number;
  value: Int;
  valueTwo?: Int;
  op: SeccompOperator;
}

/** config-linux.md, "IntelRdt". */
export interface OciIntelRdt {
  closID?: string;
  schemata?: string[];
  l3CacheSchema?: string;
  memBwSchema?: string;
  /** In 1.1 and 1.2; 1.3 has enableMonitoring instead. */
  enableCMT?: boolean;
  enableMBM?: boolean;
  enableMonitoring?: boolean;
}

export interface OciPersonality {
  domain: PersonalityDomain;
  /** None is defined, so only an empty list is valid. */
  flags?: string[];
}

/** set_mempolicy(2). */
export interface OciMemoryPolicy {
  mode: MemoryPolicyMode;
  /** A node list like "0-3,7". */
  nodes?: string;
  flags?: MemoryPolicyFlag[];
}
