/** The flags of `sampan run`: those it has, and those of docker that it has not yet, each with the reason. */
import { platformFlag } from "../flags/shared.ts";
import type { FlagTable } from "../flags/flags.ts";

const own = {
  env: { kind: "list", short: "e", value: "NAME[=VALUE]", help: "Set a variable, or pass this process's" },
  "env-file": { kind: "list", value: "FILE", help: "Variables from a file, one a line" },
  user: { kind: "text", short: "u", value: "USER[:GROUP]", help: "Name or number" },
  workdir: { kind: "text", short: "w", value: "DIR", help: "Working directory" },
  entrypoint: { kind: "text", value: "PROGRAM", help: "Instead of the image's" },
  hostname: { kind: "text", short: "h", value: "NAME", help: "Host name" },
  name: { kind: "text", value: "NAME", help: "The container's name" },
  tty: { kind: "yes", short: "t", help: "Give it a terminal" },
  interactive: { kind: "yes", short: "i", help: "Keep standard input open" },
  "read-only": { kind: "yes", help: "Read-only root file system" },
  rm: { kind: "yes", help: "Remove the container when it ends" },
  network: { kind: "text", among: ["none", "host"], help: "none (default) or the host's" },
  volume: { kind: "list", short: "v", value: "HOST:CONTAINER[:OPTIONS]", help: "Bind a folder or a file" },
  platform: platformFlag,
  pull: { kind: "text", among: ["missing", "always", "never"], help: "When to pull the image (missing)" },
  quiet: { kind: "yes", short: "q", help: "No progress of the pull" },
  memory: { kind: "bytes", short: "m", help: "Memory limit, as 512m" },
  cpus: { kind: "number", help: "Processors, as 1.5" },
  "pids-limit": { kind: "number", help: "How many processes; -1: any" },
  privileged: { kind: "yes", help: "All rights on the host" },
  "cap-add": { kind: "list", value: "CAPABILITY", help: "Add a capability" },
  "cap-drop": { kind: "list", value: "CAPABILITY", help: "Drop a capability" },
  label: { kind: "list", short: "l", value: "KEY[=VALUE]", help: "Give it a label" },
  "label-file": { kind: "list", value: "FILE", help: "Labels from a file, one a line" },
  userns: { kind: "text", value: "MODE", help: "User namespace: host or auto" },
  runtime: { kind: "text", value: "NAME", help: "Runtime to use" },
  "sig-proxy": { kind: "yes", preset: true, help: "Pass signals on to the container" },
} as const satisfies FlagTable;

/** Kind and short name must be docker's, so that the refusal names the right flag. */
function not<const Kind extends "yes" | "text" | "list">(kind: Kind, absent: string, short?: string) {
  return { kind, help: "", absent, ...(short === undefined ? {} : { short }) };
}

const daemon =
  "Sampan runs containers in the foreground only; running them in the background comes with the daemon";
const networks = "Sampan has no networks of its own yet; there are --network none and host";
const storage = "Sampan takes -v: a folder of the host, or a volume by its name";
const later = "Sampan's run has no such setting yet";

const missing = {
  detach: not("yes", daemon, "d"),
  attach: not("list", daemon, "a"),
  "detach-keys": not("text", daemon),
  restart: not("text", daemon),
  cidfile: not("text", later),
  publish: not("list", networks, "p"),
  "publish-all": not("yes", networks, "P"),
  expose: not("list", networks),
  link: not("list", networks),
  dns: not("list", networks),
  "dns-search": not("list", networks),
  "add-host": not("list", networks),
  ip: not("text", networks),
  "mac-address": not("text", networks),
  "network-alias": not("list", networks),
  mount: not("list", storage),
  tmpfs: not("list", storage),
  "volumes-from": not("list", storage),
  "volume-driver": not("text", storage),
  device: not("list", later),
  gpus: not("text", later),
  init: not("yes", later),
  ipc: not("text", later),
  pid: not("text", later),
  uts: not("text", later),
  cgroupns: not("text", later),
  "cgroup-parent": not("text", later),
  "group-add": not("list", later),
  "log-driver": not("text", later),
  "log-opt": not("list", later),
  "memory-swap": not("text", later),
  "memory-reservation": not("text", later),
  "cpu-shares": not("text", later, "c"),
  "cpuset-cpus": not("text", later),
  "oom-score-adj": not("text", later),
  "oom-kill-disable": not("yes", later),
  "security-opt": not("list", later),
  "shm-size": not("text", later),
  "stop-signal": not("text", later),
  "stop-timeout": not("text", later),
  sysctl: not("list", later),
  ulimit: not("list", later),
  "health-cmd": not("text", later),
  "no-healthcheck": not("yes", later),
  annotation: not("list", later),
} as const satisfies FlagTable;

export const runFlags = { ...own, ...missing };
