/** dockerd with a containerd of its own, which it starts; docker's command line asks it through a socket in the place. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "./_await.ts";
import type { Engine } from "./engine.ts";
import { makeArchive } from "./image.ts";
import { cgroupFolders, emptiedAfter, end, makePlace } from "./place.ts";
import { output, path, ran } from "./_ran.ts";

/** Debian's client, not one that stands before it on PATH. */
const client = existsSync("/usr/bin/docker") ? "/usr/bin/docker" : "docker";

/** Ours as its runtime, and nothing of the machine's network touched. */
const onlyContainers = [
  "--storage-driver=overlay2",
  "--default-runtime=sampan",
  "--bridge=none",
  "--iptables=false",
  "--ip6tables=false",
  "--ip-forward=false",
  // Less than its own is more than a caller without CAP_SYS_RESOURCE may ask for.
  "--oom-score-adjust=0",
];

/** Made by dockerd and by shims, whatever their own folders are. */
const outside = [
  "docker",
  "docker/plugins",
  "containerd",
  "containerd/s",
  "containerd/fifo",
  "containerd/runc",
  "containerd/runc/moby",
];

export interface DockerdOptions {
  /** What stands before the command, for another network namespace. */
  readonly within?: readonly string[];
  readonly settings?: readonly string[];
}

export async function startDockerd({
  within = [],
  settings = onlyContainers,
}: DockerdOptions = {}): Promise<Engine> {
  await using undo = new AsyncDisposableStack();
  undo.use(emptiedAfter(...outside.map((name) => `/run/${name}`), ...cgroupFolders("docker")));
  const place = undo.use(makePlace("dockerd"));
  const under = (name: string) => join(place.folder, name);
  const socket = `unix://${under("docker.sock")}`;
  writeFileSync(under("daemon.json"), JSON.stringify({ "deprecated-key-path": under("key.json") }));
  const log = Bun.file(under("log"));
  const places = [
    `--config-file=${under("daemon.json")}`,
    `--host=${socket}`,
    `--pidfile=${under("docker.pid")}`,
    `--data-root=${under("data")}`,
    `--exec-root=${under("exec")}`,
  ];
  const daemon = Bun.spawn(
    [...within, "dockerd", ...places, ...settings, "--add-runtime", `sampan=${place.runtime}`],
    {
      env: { PATH: path, HOME: place.folder },
      stdin: "ignore",
      stdout: log,
      stderr: log,
    },
  );
  undo.defer(() => end(daemon));
  const env = { HOME: place.folder, DOCKER_CONFIG: under("client") };
  const command = (...words: string[]) => [client, "--host", socket, ...words];
  await until("dockerd", async () => {
    if (daemon.exitCode !== null) throw new Error(`dockerd has ended:\n${await log.text()}`);
    return (await ran(command("version"), { env })).status === 0 || undefined;
  });
  const image = "box";
  await output(command("import", await makeArchive(place.folder), image), { env });
  undo.defer(async () => {
    const ids = (await output(command("ps", "--all", "--quiet"), { env })).split("\n").filter(Boolean);
    if (ids.length > 0) await output(command("rm", "--force", ...ids), { env });
  });
  const all = undo.move();
  return {
    name: "dockerd",
    image,
    // dockerd gives every runtime the same root, and its containerd adds the namespace.
    stateFolder: under("exec/runtime-runc/moby"),
    env,
    cwd: place.folder,
    command,
    wasOutOfMemory: async (name) =>
      (await output(command("inspect", "--format", "{{.State.OOMKilled}}", name), { env })).trim() === "true",
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
