/** GET /info: what the daemon has and what the host gives it. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { arch, cpus, hostname, release, totalmem } from "node:os";
import { version as own } from "../../../base/version.ts";
import type { LiveEngine } from "../../../engine/engine.ts";

export type InfoParts = Pick<
  LiveEngine,
  "settings" | "store" | "images" | "containers" | "runtimes" | "snapshots" | "networks"
>;

const architectures: Readonly<Record<string, string>> = { x64: "x86_64", arm64: "aarch64" };

/** `version`: the minor number; before 1.50 some fields were there that nobody needs. */
export function systemInfo(engine: InfoParts, version: number): Record<string, unknown> {
  const environment = process.env;
  const unknownCommit = version < 49 ? { ID: "N/A", Expected: "N/A" } : { ID: "N/A" };
  return {
    ID: identity(engine.store.root),
    ...counts(engine),
    Driver: engine.snapshots.name,
    DriverStatus: [["Supports d_type", "true"]],
    Plugins: {
      Volume: ["local"],
      Network: ["bridge", "host", "null"],
      Authorization: null,
      Log: ["json-file", "local"],
    },
    ...limits(),
    ...(version < 50 ? bridges() : {}),
    ...(version < 42 ? { KernelMemory: true, KernelMemoryTCP: true } : {}),
    Debug: false,
    NFd: readdirSync("/proc/self/fd").length,
    OomKillDisable: false,
    NGoroutines: 0,
    SystemTime: new Date().toISOString(),
    LoggingDriver: "json-file",
    NEventsListener: 0,
    KernelVersion: release(),
    OperatingSystem: osRelease("PRETTY_NAME") || "Linux",
    OSVersion: osRelease("VERSION_ID"),
    OSType: "linux",
    Architecture: architectures[arch()] ?? arch(),
    IndexServerAddress: "https://index.docker.io/v1/",
    RegistryConfig: registryConfig(engine),
    NCPU: cpus().length,
    MemTotal: totalmem(),
    GenericResources: null,
    DockerRootDir: engine.store.root,
    HttpProxy: withoutSecret(environment["HTTP_PROXY"] ?? ""),
    HttpsProxy: withoutSecret(environment["HTTPS_PROXY"] ?? ""),
    NoProxy: environment["NO_PROXY"] ?? "",
    Name: hostname(),
    Labels: [],
    ExperimentalBuild: false,
    ServerVersion: own,
    Runtimes: Object.fromEntries(
      engine.runtimes.names.map((name) => {
        const { path = name, args = [] } = engine.settings.runtimes[name] ?? {};
        return [name, { path, ...(args.length > 0 && { runtimeArgs: args }) }];
      }),
    ),
    DefaultRuntime: engine.runtimes.default,
    Swarm: {
      NodeID: "",
      NodeAddr: "",
      LocalNodeState: "inactive",
      ControlAvailable: false,
      Error: "",
      RemoteManagers: null,
    },
    // Containers outlive the daemon always.
    LiveRestoreEnabled: true,
    Isolation: "",
    InitBinary: "docker-init",
    ContainerdCommit: unknownCommit,
    RuncCommit: unknownCommit,
    InitCommit: unknownCommit,
    SecurityOptions: ["name=seccomp,profile=builtin", "name=cgroupns"],
    FirewallBackend: { Driver: "nftables" },
    CDISpecDirs: ["/etc/cdi", "/var/run/cdi"],
    Warnings: null,
  };
}

function counts(engine: InfoParts): Record<string, number> {
  const states = engine.containers.list().map(({ state }): string => state);
  const count = (...wanted: string[]) => states.filter((state) => wanted.includes(state)).length;
  const running = count("running", "restarting");
  const paused = count("paused");
  return {
    Containers: states.length,
    ContainersRunning: running,
    ContainersPaused: paused,
    ContainersStopped: states.length - running - paused,
    Images: new Set(engine.images.list().map(({ target }) => target.digest)).size,
  };
}

/** The same as long as the machine and the data root are. */
function identity(root: string): string {
  const hex = createHash("sha256")
    .update(`${read("/etc/machine-id").trim()}\0${root}`)
    .digest("hex");
  return hex.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** What the control groups of this host can limit. */
function limits(): Record<string, boolean | string> {
  const unified = existsSync("/sys/fs/cgroup/cgroup.controllers");
  const words = read(unified ? "/sys/fs/cgroup/cgroup.controllers" : "/proc/cgroups").split(/\s+/);
  const has = (name: string) => words.includes(name);
  return {
    MemoryLimit: has("memory"),
    SwapLimit: has("memory"),
    CpuCfsPeriod: has("cpu"),
    CpuCfsQuota: has("cpu"),
    CPUShares: has("cpu"),
    CPUSet: has("cpuset"),
    PidsLimit: has("pids"),
    IPv4Forwarding: read("/proc/sys/net/ipv4/ip_forward").trim() === "1",
    CgroupDriver: "cgroupfs",
    CgroupVersion: unified ? "2" : "1",
  };
}

/** Whether frames between containers go through the rules for packets. */
function bridges(): Record<string, boolean> {
  const on = (name: string) => read(`/proc/sys/net/bridge/bridge-nf-call-${name}`).trim() === "1";
  return { BridgeNfIptables: on("iptables"), BridgeNfIp6tables: on("ip6tables") };
}

function registryConfig({ settings }: InfoParts) {
  const entries = Object.entries(settings.registries);
  const indexes = entries.map(([name, { mirrors, http, skipVerify }]) => ({
    Name: name,
    Mirrors: mirrors,
    Secure: !http && !skipVerify,
    Official: name === "docker.io",
  }));
  const hub = { Name: "docker.io", Mirrors: [], Secure: true, Official: true };
  return {
    AllowNondistributableArtifactsCIDRs: null,
    AllowNondistributableArtifactsHostnames: null,
    InsecureRegistryCIDRs: ["::1/128", "127.0.0.0/8"],
    IndexConfigs: Object.fromEntries([hub, ...indexes].map((index) => [index.Name, index])),
    Mirrors: settings.registries["docker.io"]?.mirrors ?? [],
  };
}

function withoutSecret(proxy: string): string {
  return proxy.replace(/\/\/[^/@]*@/, "//xxxxx:xxxxx@");
}

function osRelease(name: string): string {
  return new RegExp(`^${name}="?([^"\n]*)"?$`, "m").exec(read("/etc/os-release"))?.[1] ?? "";
}

function read(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}
