/** containerd with our shim on its PATH, everything of it in a folder of its own. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { until } from "../counterparts/_await.ts";
import { output, path, ran, type Ran, type RanOptions } from "../counterparts/_ran.ts";
import { ctrOf, removeAll, settingsOf, startDaemon } from "../counterparts/containerd.ts";
import { makeLayout } from "../counterparts/image.ts";
import { cgroupFolders, emptiedAfter, end, makePlace } from "../counterparts/place.ts";

export interface ShimHost extends AsyncDisposable {
  readonly image: string;
  readonly folder: string;
  readonly command: (...words: string[]) => string[];
  readonly ctr: (words: readonly string[], options?: RanOptions) => Promise<Ran>;
  /** The words of `ctr run` for our runtime, with what follows. */
  readonly run: (...words: string[]) => string[];
  /** Kills containerd, and starts it again. */
  restart(): Promise<void>;
  /** Process ids of the shim's servers, and of what keeps their sockets. */
  servers(): number[];
  keepers(): number[];
}

export const runtimeName = "io.containerd.sampan.v2";

export async function startShimHost(env: Readonly<Record<string, string>> = {}): Promise<ShimHost> {
  await using undo = new AsyncDisposableStack();
  undo.use(emptiedAfter("/run/containerd", "/run/containerd/s", "/run/containerd/fifo"));
  const lock = "/run/containerd/s/sampan.lock";
  if (!existsSync(lock)) undo.defer(() => rmSync(lock, { force: true }));
  const place = undo.use(makePlace("shim"));
  const { folder } = place;
  const namespace = basename(folder);
  undo.use(emptiedAfter(...cgroupFolders(namespace)));
  const bin = join(folder, "bin");
  mkdirSync(bin);
  symlinkSync(
    realpathSync(process.env["COUNTERPART_RUNTIME"] ?? "dist/sampan"),
    join(bin, "containerd-shim-sampan-v2"),
  );
  writeFileSync(join(folder, "config.toml"), settingsOf(folder));
  const command = ctrOf(folder, namespace);
  const ctr = (words: readonly string[], options: RanOptions = {}) =>
    ran(command(...words), { cwd: folder, seconds: 30, ...options });
  const begin = () =>
    startDaemon(folder, { question: command("version"), env: { ...env, PATH: `${bin}:${path}` } });
  let daemon = await begin();
  undo.defer(() => end(daemon));
  const image = "local/box:1";
  await output(command("images", "import", await makeLayout(folder, image)));
  const processes = (name: RegExp) => processesOf(folder, name);
  const keepers = () => processes(/^sampan-keeper\0/);
  undo.defer(async () => {
    await removeAll(command);
    await until("the shims to leave", () => keepers().length === 0 || undefined, 20);
  });
  const all = undo.move();
  return {
    image,
    folder,
    command,
    ctr,
    run: (...words) => ["run", "--runtime", runtimeName, "--fifo-dir", join(folder, "fifos"), ...words],
    restart: async () => {
      daemon.kill("SIGKILL");
      await daemon.exited;
      daemon = await begin();
    },
    servers: () => processes(/^(?!sampan-keeper)[^\0]*\0shim\0/),
    keepers,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** Those whose command line matches and names the folder. */
function processesOf(folder: string, name: RegExp): number[] {
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
        return name.test(line) && line.includes(`${folder}/`) && readlinkSync(`/proc/${pid}/exe`) !== "";
      } catch {
        return false;
      }
    })
    .map(Number);
}
