/** Those who are measured: each with a store and sockets of its own below the scratch folder, all in one network namespace. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { output } from "../_command.ts";

export interface Peer {
  readonly name: string;
  readonly version: string;
  /** Its command line, in the namespace. */
  readonly words: readonly string[];
  /** Its socket that speaks Docker's API. */
  readonly socket?: string;
  /** Of the daemon and of what else runs for all containers together. */
  readonly daemons: () => readonly number[];
  /** Of what runs beside each container. */
  readonly besides: () => readonly number[];
  /** Words of `run --rm IMAGE true`. */
  readonly runTrue: (image: string, network: "none" | "bridge") => readonly string[] | undefined;
  end(): Promise<void>;
}

export interface Place {
  readonly scratch: string;
  readonly namespace: string;
  /** Of an archive of Docker's. */
  readonly archive: string;
}

export function inside(namespace: string, words: readonly string[]): string[] {
  return ["nsenter", `--net=/run/netns/${namespace}`, ...words];
}

export async function sampan(place: Place, program: string): Promise<Peer> {
  const folder = made(place, "sampan");
  const socket = join(folder, "run/sampan.sock");
  const daemon = start(place, folder, [
    program,
    "daemon",
    "--data-root",
    join(folder, "data"),
    "--run-root",
    join(folder, "run"),
    "--config",
    "/dev/null",
  ]);
  await reachable(socket, daemon);
  const words = inside(place.namespace, [program, "--host", `unix://${socket}`]);
  await output([...words, "load", "--quiet", "--input", place.archive]);
  return {
    name: "sampan",
    version: `sampan ${(await output([program, "--version"])).trim()}`,
    words,
    socket,
    daemons: () => [
      daemon.pid,
      ...named("sampan", (line) => line.includes(" resolver ") && line.includes(folder)),
    ],
    besides: () => byComm("sampan-monitor"),
    runTrue: (image, network) => ["run", "--rm", "--network", network, image, "true"],
    end: () => ended(daemon),
  };
}

export async function docker(place: Place): Promise<Peer> {
  const folder = made(place, "docker");
  const socket = join(folder, "docker.sock");
  writeFileSync(join(folder, "daemon.json"), "{}");
  const under = (name: string) => join(folder, name);
  const daemon = start(place, folder, [
    "dockerd",
    `--config-file=${under("daemon.json")}`,
    `--host=unix://${socket}`,
    `--pidfile=${under("pid")}`,
    `--data-root=${under("data")}`,
    `--exec-root=${under("exec")}`,
    "--storage-driver=overlay2",
  ]);
  await reachable(socket, daemon);
  const words = inside(place.namespace, ["/usr/bin/docker", "--host", `unix://${socket}`]);
  await output([...words, "load", "--quiet", "--input", place.archive]);
  const containerd = () => named("containerd", (line) => line.includes(folder) && !line.includes("shim"));
  return {
    name: "docker",
    version: (await output([...words, "version", "--format", "docker.io {{.Server.Version}}"])).trim(),
    words,
    socket,
    daemons: () => [daemon.pid, ...containerd()],
    besides: () => named("containerd-shim", (line) => line.includes(folder)),
    runTrue: (image, network) => ["run", "--rm", "--network", network, image, "true"],
    end: () => ended(daemon),
  };
}

/** File locks: the others are in shared memory, under one name for the whole machine. runc: crun refuses hosts whose cgroups are of both versions. */
const podmanSettings = `[containers]
default_ulimits = []
[engine]
lock_type = "file"
events_logger = "file"
cgroup_manager = "cgroupfs"
runtime = "runc"
`;

export async function podman(place: Place): Promise<Peer> {
  const folder = made(place, "podman");
  const stores = [
    "--root",
    join(folder, "data"),
    "--runroot",
    join(folder, "run"),
    "--cgroup-manager",
    "cgroupfs",
  ];
  // Its own default of open files is more than a caller without CAP_SYS_RESOURCE may ask for.
  const settings = join(folder, "containers.conf");
  writeFileSync(settings, podmanSettings);
  const words = inside(place.namespace, ["env", `CONTAINERS_CONF=${settings}`, "podman", ...stores]);
  await output([...words, "load", "--quiet", "--input", place.archive]);
  return {
    name: "podman",
    version: (await output(["podman", "--version"])).trim(),
    words,
    daemons: () => [],
    besides: () => byComm("conmon"),
    runTrue: (image, network) =>
      network === "none" ? ["run", "--rm", "--network", "none", image, "true"] : undefined,
    end: async () => {
      await output([...words, "rm", "--all", "--force"]);
      Bun.spawnSync(["umount", join(folder, "data/overlay")], { stderr: "ignore" });
    },
  };
}

export async function ctr(place: Place): Promise<Peer> {
  const folder = made(place, "containerd");
  const socket = join(folder, "containerd.sock");
  const config = join(folder, "config.toml");
  writeFileSync(
    config,
    `version = 2\nroot = "${folder}/root"\nstate = "${folder}/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "${socket}"\n`,
  );
  const daemon = start(place, folder, ["containerd", "--config", config]);
  await reachable(socket, daemon);
  const words = inside(place.namespace, ["ctr", "--address", socket]);
  await output([...words, "image", "import", "--all-platforms", place.archive]);
  let number = 0;
  return {
    name: "ctr",
    version: (await output(["containerd", "--version"])).trim().split(" ").slice(0, 3).join(" "),
    words,
    daemons: () => [daemon.pid],
    besides: () => named("containerd-shim", (line) => line.includes(folder)),
    runTrue: (image, network) =>
      network === "none" ? ["run", "--rm", `docker.io/library/${image}`, `c${++number}`, "true"] : undefined,
    end: () => ended(daemon),
  };
}

function made({ scratch }: Place, name: string): string {
  const folder = join(scratch, name);
  mkdirSync(folder, { recursive: true });
  return folder;
}

type Child = ReturnType<typeof start>;

function start({ namespace }: Place, folder: string, command: readonly string[]) {
  const log = Bun.file(join(folder, "log"));
  return Bun.spawn(inside(namespace, command), {
    stdin: "ignore",
    stdout: log,
    stderr: log,
    env: { ...process.env, HOME: folder },
  });
}

async function reachable(socket: string, daemon: Child): Promise<void> {
  for (let tries = 0; tries < 1500; tries++) {
    if (daemon.exitCode !== null) break;
    try {
      (await Bun.connect({ unix: socket, socket: { data() {} } })).end();
      return;
    } catch {
      await Bun.sleep(20);
    }
  }
  throw new Error(`nobody listens at ${socket}`);
}

async function ended(child: Child): Promise<void> {
  child.kill("SIGTERM");
  await child.exited;
}

function processes(): { pid: number; comm: string; line: string }[] {
  const text = (path: string) => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return "";
    }
  };
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({
      pid: Number(name),
      comm: text(`/proc/${name}/comm`).trim(),
      line: text(`/proc/${name}/cmdline`).replaceAll("\0", " "),
    }));
}

function byComm(name: string): number[] {
  return processes().flatMap(({ pid, comm }) => (comm === name ? [pid] : []));
}

function named(program: string, fits: (line: string) => boolean): number[] {
  return processes().flatMap(({ pid, line }) =>
    (line.split(" ")[0] ?? "").includes(program) && fits(line) ? [pid] : [],
  );
}
