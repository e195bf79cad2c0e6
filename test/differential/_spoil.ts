/** Configurations that no runtime may accept: one thing in a good one is made bad. */
import type { OciConfig } from "../../src/spec/oci/config.ts";
import type { Random } from "./random.ts";

/** Some are of a wrong type, so they are plain objects. */
type Loose = Record<string, any>;

const spoilers: readonly ((config: Loose) => void)[] = [
  (config) => (config["process"].args = []),
  (config) => delete config["process"].args,
  (config) => delete config["process"],
  (config) => (config["process"].cwd = "relative"),
  (config) => delete config["process"].cwd,
  (config) => (config["process"].args = "sh"),
  (config) => (config["process"].user = { uid: "root" }),
  (config) => (config["process"].user = { uid: -1 }),
  (config) => (config["process"].rlimits = [{ type: "RLIMIT_NOTHING", soft: 1, hard: 1 }]),
  (config) => (config["process"].rlimits = [{ type: "RLIMIT_CORE", soft: 2, hard: 1 }]),
  (config) => (config["process"].oomScoreAdj = 5000),
  (config) => (config["root"].path = "no/such/folder"),
  (config) => (config["root"].path = "source/file"),
  (config) => delete config["root"],
  (config) => (config["linux"].namespaces = [...config["linux"].namespaces, { type: "nothing" }]),
  (config) => config["linux"].namespaces.push(config["linux"].namespaces[0]),
  (config) => config["linux"].namespaces.push({ type: "uts", path: "/no/such/namespace" }),
  (config) => (config["linux"].rootfsPropagation = "everywhere"),
  (config) => (config["linux"].sysctl = { "kernel.panic": "1" }),
  (config) => (config["linux"].sysctl = { "no.such.parameter": "1" }),
  (config) => (config["linux"].seccomp = { defaultAction: "SCMP_ACT_NOTHING" }),
  (config) =>
    (config["linux"].seccomp = { defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_NOTHING"] }),
  (config) => (config["linux"].devices = [{ path: "/dev/x", type: "x", major: 1, minor: 1 }]),
  (config) => (config["linux"].resources = { memory: { limit: "1M" } }),
  (config) => (config["linux"].resources = { cpu: { cpus: "1000-1001" } }),
  (config) => (config["linux"].resources = { devices: [{ allow: true, type: "q", access: "r" }] }),
  (config) => (config["linux"].resources = { pids: { limit: 1.5 } }),
  (config) => (config["mounts"] = [{ destination: "/x", type: "no-such-file-system", source: "x" }]),
  (config) =>
    (config["mounts"] = [{ destination: "/x", type: "bind", source: "/no/such/source", options: ["bind"] }]),
  (config) =>
    (config["mounts"] = [{ destination: "/x", type: "tmpfs", source: "x", options: ["size=nothing"] }]),
  (config) => (config["mounts"] = [{ destination: "/proc/self/attr", type: "tmpfs", source: "x" }]),
  (config) => (config["mounts"] = [{ destination: 5 }]),
  (config) => (config["hooks"] = { createRuntime: [{ path: "/no/such/hook" }] }),
  (config) => (config["hooks"] = { createRuntime: [{ path: 5 }] }),
  (config) => (config["ociVersion"] = 1),
];

/** A copy with one of them. */
export function spoil(random: Random, config: OciConfig): OciConfig {
  const copy = structuredClone(config);
  random.pick(spoilers)(copy as Loose);
  return copy;
}
