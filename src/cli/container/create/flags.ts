/** The flags that create and run have in common, docker's names and kinds. */
import type { FlagTable } from "../../flags/flags.ts";
import { platformFlag } from "../../flags/shared.ts";

const program = {
  env: { kind: "list", short: "e", value: "NAME[=VALUE]", help: "Set a variable, or pass this process's" },
  "env-file": { kind: "list", value: "FILE", help: "Variables from a file, one a line" },
  user: { kind: "text", short: "u", value: "USER[:GROUP]", help: "Name or number" },
  "group-add": { kind: "list", value: "GROUP", help: "More groups" },
  workdir: { kind: "text", short: "w", value: "DIR", help: "Working directory" },
  entrypoint: { kind: "text", value: "PROGRAM", help: "Instead of the image's" },
  tty: { kind: "yes", short: "t", help: "Give it a terminal" },
  interactive: { kind: "yes", short: "i", help: "Keep standard input open" },
  attach: { kind: "list", short: "a", value: "STREAM", help: "stdin, stdout or stderr only" },
  init: { kind: "maybe", help: "An init that passes signals on and reaps processes" },
  "stop-signal": { kind: "text", value: "SIGNAL", help: "What stop sends" },
  "stop-timeout": { kind: "number", value: "SECONDS", help: "How long stop waits before it kills" },
} as const satisfies FlagTable;

const identity = {
  name: { kind: "text", value: "NAME", help: "The container's name" },
  hostname: { kind: "text", short: "h", value: "NAME", help: "Host name" },
  domainname: { kind: "text", value: "NAME", help: "Domain name" },
  label: { kind: "list", short: "l", value: "KEY[=VALUE]", help: "Give it a label" },
  "label-file": { kind: "list", value: "FILE", help: "Labels from a file, one a line" },
  annotation: { kind: "list", value: "KEY=VALUE", help: "Annotation for the runtime" },
  cidfile: { kind: "text", value: "FILE", help: "Write the container's id to a new file" },
  platform: platformFlag,
  pull: { kind: "text", among: ["missing", "always", "never"], help: "When to pull the image (missing)" },
  quiet: { kind: "yes", short: "q", help: "No progress of the pull" },
  "disable-content-trust": { kind: "yes", preset: true, help: "Accepted and unused" },
  runtime: { kind: "text", value: "NAME", help: "Runtime to use" },
  rm: { kind: "yes", help: "Remove the container when it ends" },
  restart: { kind: "text", value: "POLICY", help: "no, on-failure[:N], always or unless-stopped" },
} as const satisfies FlagTable;

const networks = {
  network: {
    kind: "list",
    value: "NETWORK",
    help: "Name, none, host, container:NAME or name=…,alias=…,ip=…",
  },
  net: { kind: "list", help: "", as: "network" },
  "network-alias": { kind: "list", value: "NAME", help: "Another name in its network" },
  "net-alias": { kind: "list", help: "", as: "network-alias" },
  ip: { kind: "text", value: "ADDRESS", help: "IPv4 address in its network" },
  ip6: { kind: "text", value: "ADDRESS", help: "IPv6 address in its network" },
  "link-local-ip": { kind: "list", value: "ADDRESS", help: "Link-local addresses" },
  "mac-address": { kind: "text", value: "ADDRESS", help: "Ethernet address" },
  link: { kind: "list", value: "CONTAINER[:NAME]", help: "Know another container by a name" },
  publish: {
    kind: "list",
    short: "p",
    value: "[[IP:]PORT:]PORT[/PROTOCOL]",
    help: "Publish ports on the host",
  },
  "publish-all": { kind: "yes", short: "P", help: "Publish all exposed ports on free ones" },
  expose: { kind: "list", value: "PORT[/PROTOCOL]", help: "Expose ports" },
  dns: { kind: "list", value: "ADDRESS", help: "Name servers" },
  "dns-option": { kind: "list", value: "OPTION", help: "Options of the resolver" },
  "dns-opt": { kind: "list", help: "", as: "dns-option" },
  "dns-search": { kind: "list", value: "DOMAIN", help: "Search domains" },
  "add-host": { kind: "list", value: "NAME:ADDRESS", help: "A line in /etc/hosts" },
} as const satisfies FlagTable;

const storage = {
  volume: {
    kind: "list",
    short: "v",
    value: "[SOURCE:]TARGET[:OPTIONS]",
    help: "Bind a folder, or mount a volume",
  },
  mount: { kind: "list", value: "type=…,source=…,target=…", help: "A mount: bind, volume, tmpfs or image" },
  tmpfs: { kind: "list", value: "TARGET[:OPTIONS]", help: "A file system in memory" },
  "volumes-from": { kind: "list", value: "CONTAINER[:ro]", help: "The mounts of another container" },
  "volume-driver": { kind: "text", value: "NAME", help: "Driver of the container's new volumes" },
  "read-only": { kind: "yes", help: "Read-only root file system" },
  "storage-opt": { kind: "list", value: "KEY=VALUE", help: "Options of the storage driver" },
  "shm-size": { kind: "bytes", help: "Size of /dev/shm" },
  device: { kind: "list", value: "PATH[:PATH[:rwm]]", help: "A device of the host, or one by CDI" },
  "device-cgroup-rule": { kind: "list", value: "RULE", help: "A rule of the device cgroup" },
  gpus: { kind: "text", value: "GPUS", help: "all, a number, or device=…" },
} as const satisfies FlagTable;

const limits = {
  memory: { kind: "bytes", short: "m", help: "Memory limit, as 512m" },
  "memory-swap": { kind: "text", value: "SIZE", help: "Memory and swap; -1: any" },
  "memory-reservation": { kind: "bytes", help: "Memory that it is left when there is little" },
  "memory-swappiness": { kind: "number", help: "0 to 100" },
  "kernel-memory": { kind: "bytes", help: "", absent: "kernels have no such limit any more" },
  cpus: { kind: "number", help: "Processors, as 1.5" },
  "cpu-shares": { kind: "number", short: "c", help: "Weight among others" },
  "cpu-period": { kind: "number", help: "CFS period in microseconds" },
  "cpu-quota": { kind: "number", help: "CFS quota in microseconds" },
  "cpu-rt-period": { kind: "number", help: "Real-time period in microseconds" },
  "cpu-rt-runtime": { kind: "number", help: "Real-time runtime in microseconds" },
  "cpuset-cpus": { kind: "text", value: "LIST", help: "These processors, as 0-2,4" },
  "cpuset-mems": { kind: "text", value: "LIST", help: "These memory nodes" },
  "pids-limit": { kind: "number", help: "How many processes; -1: any" },
  ulimit: { kind: "list", value: "NAME=SOFT[:HARD]", help: "A limit of each process" },
  "blkio-weight": { kind: "number", help: "Weight of block I/O, 10 to 1000" },
  "blkio-weight-device": { kind: "list", value: "PATH:WEIGHT", help: "The same for one device" },
  "device-read-bps": { kind: "list", value: "PATH:SIZE", help: "Bytes a second read from a device" },
  "device-write-bps": { kind: "list", value: "PATH:SIZE", help: "Bytes a second written to a device" },
  "device-read-iops": { kind: "list", value: "PATH:NUMBER", help: "Reads a second" },
  "device-write-iops": { kind: "list", value: "PATH:NUMBER", help: "Writes a second" },
  "oom-kill-disable": { kind: "yes", help: "Never kill it for memory" },
  "oom-score-adj": { kind: "number", help: "-1000 to 1000: who is killed first" },
  "cgroup-parent": { kind: "text", value: "PATH", help: "Cgroup that its own lies in" },
} as const satisfies FlagTable;

const security = {
  privileged: { kind: "yes", help: "All rights on the host" },
  "cap-add": { kind: "list", value: "CAPABILITY", help: "Add a capability" },
  "cap-drop": { kind: "list", value: "CAPABILITY", help: "Drop a capability" },
  "security-opt": {
    kind: "list",
    value: "OPTION",
    help: "seccomp=FILE|unconfined, apparmor=…, label=…, no-new-privileges, systempaths=unconfined",
  },
  userns: { kind: "text", value: "MODE", help: "User namespace: host, or Sampan's auto" },
  uts: { kind: "text", value: "MODE", help: "UTS namespace: host" },
  pid: { kind: "text", value: "MODE", help: "PID namespace: host or container:NAME" },
  ipc: {
    kind: "text",
    value: "MODE",
    help: "IPC namespace: none, private, shareable, container:NAME or host",
  },
  cgroupns: { kind: "text", value: "MODE", help: "Cgroup namespace: host or private" },
  isolation: { kind: "text", value: "NAME", help: "Of Windows; default" },
  sysctl: { kind: "list", value: "KEY=VALUE", help: "A setting of the kernel" },
} as const satisfies FlagTable;

const watching = {
  "health-cmd": { kind: "text", value: "COMMAND", help: "Command that tells its health" },
  "health-interval": { kind: "text", value: "DURATION", help: "Time between two checks (30s)" },
  "health-timeout": { kind: "text", value: "DURATION", help: "How long one may take (30s)" },
  "health-retries": { kind: "number", help: "Failures in a row that make it unhealthy (3)" },
  "health-start-period": { kind: "text", value: "DURATION", help: "Time in which failures do not count" },
  "health-start-interval": { kind: "text", value: "DURATION", help: "Time between two checks within it" },
  "no-healthcheck": { kind: "yes", help: "Not the image's check either" },
  "log-driver": { kind: "text", value: "NAME", help: "Where its output is kept" },
  "log-opt": { kind: "list", value: "KEY=VALUE", help: "Options of the log driver" },
} as const satisfies FlagTable;

export const createFlags = {
  ...program,
  ...identity,
  ...networks,
  ...storage,
  ...limits,
  ...security,
  ...watching,
} as const satisfies FlagTable;
