/** containerd, and ctr that asks it for containers on our runtime through runc's shim. */
import { writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { until } from "./_await.ts";
import { makeLayout } from "./image.ts";
import { cgroupFolders, emptiedAfter, end, makePlace } from "./place.ts";
import { output, path, ran, type Ran, type RanOptions } from "./_ran.ts";

export interface Containerd extends AsyncDisposable {
  readonly image: string;
  readonly folder: string;
  /** The flags of `ctr run` that pick our runtime, and where standard input and output of a container lie. */
  readonly runtime: readonly string[];
  /** The same for `ctr tasks exec`: not in /run/containerd. */
  readonly fifos: readonly string[];
  /** Where the runtime keeps the containers' folders. */
  readonly stateFolder: string;
  /** ctr's whole command. */
  readonly command: (...words: string[]) => string[];
  readonly ctr: (words: readonly string[], options?: RanOptions) => Promise<Ran>;
  /** Kills the daemon, which leaves shims and containers as they are, and starts it again. */
  restart(): Promise<void>;
}

export const settingsOf = (folder: string) => `version = 2
root = "${folder}/root"
state = "${folder}/state"
oom_score = 0
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "${folder}/containerd.sock"
[ttrpc]
address = "${folder}/ttrpc.sock"
[plugins."io.containerd.internal.v1.opt"]
path = "${folder}/opt"
`;

/** Made by shims and clients, whatever the daemon's own folders are. */
const outside = ["/run/containerd", "/run/containerd/s", "/run/containerd/runc"];

/** ctr's whole command for the daemon of a folder. */
export function ctrOf(folder: string, namespace: string): (...words: string[]) => string[] {
  return (...words) => ["ctr", "-a", join(folder, "containerd.sock"), "-n", namespace, ...words];
}

export async function startContainerd(): Promise<Containerd> {
  await using undo = new AsyncDisposableStack();
  undo.use(emptiedAfter(...outside));
  const place = undo.use(makePlace("containerd"));
  const { folder } = place;
  // A namespace is also the folder of its containers in every cgroup hierarchy.
  const namespace = basename(folder);
  undo.use(emptiedAfter(`/run/containerd/runc/${namespace}`, ...cgroupFolders(namespace)));
  writeFileSync(join(folder, "config.toml"), settingsOf(folder));
  const command = ctrOf(folder, namespace);
  const ctr = (words: readonly string[], options: RanOptions = {}) =>
    ran(command(...words), { cwd: folder, ...options });
  let daemon = await startDaemon(folder, { question: command("version") });
  undo.defer(() => end(daemon));
  const image = "local/box:1";
  await output(command("images", "import", await makeLayout(folder, image)));
  undo.defer(() => removeAll(command));
  const stateFolder = join(folder, "runtime", namespace);
  const fifos = ["--fifo-dir", join(folder, "fifos")];
  const all = undo.move();
  return {
    image,
    folder,
    fifos,
    runtime: [...fifos, "--runc-binary", place.runtime, "--runc-root", join(folder, "runtime")],
    stateFolder,
    command,
    ctr,
    restart: async () => {
      daemon.kill("SIGKILL");
      await daemon.exited;
      daemon = await startDaemon(folder, { question: command("version") });
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

interface Daemon {
  /** A command that succeeds when it answers. */
  readonly question: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export async function startDaemon(
  folder: string,
  { question, env = { PATH: path } }: Daemon,
): Promise<Bun.Subprocess> {
  const log = Bun.file(join(folder, "log"));
  const daemon = Bun.spawn(["containerd", "--config", join(folder, "config.toml")], {
    env,
    stdin: "ignore",
    stdout: log,
    stderr: log,
  });
  await until("containerd", async () => {
    if (daemon.exitCode !== null) throw new Error(`containerd has ended:\n${await log.text()}`);
    return (await ran(question)).status === 0 || undefined;
  });
  return daemon;
}

export async function removeAll(command: (...words: string[]) => string[]): Promise<void> {
  for (const id of lines(await output(command("tasks", "list", "--quiet"))))
    await ran(command("tasks", "delete", "--force", id));
  for (const id of lines(await output(command("containers", "list", "--quiet"))))
    await output(command("containers", "delete", id));
}

export function lines(text: string): string[] {
  return text.split("\n").filter(Boolean);
}
