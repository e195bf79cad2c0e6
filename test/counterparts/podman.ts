/** podman, which has no daemon: every command is given where things are. conmon holds the containers. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Engine } from "./engine.ts";
import { makeArchive } from "./image.ts";
import { cgroupFolders, emptiedAfter, makePlace, ownFolder } from "./place.ts";
import { output } from "./_ran.ts";

// Its default limits on files and processes are above what a caller without CAP_SYS_RESOURCE may ask for.
// File locks: the others are in shared memory, under one name for the whole machine.
const settings = `[containers]
default_ulimits = []
[engine]
lock_type = "file"
events_logger = "file"
cgroup_manager = "cgroupfs"
`;

export async function startPodman(): Promise<Engine> {
  await using undo = new AsyncDisposableStack();
  undo.use(
    emptiedAfter(
      dirname(ownFolder),
      ownFolder,
      ...cgroupFolders("libpod_parent"),
      ...cgroupFolders("libpod_parent/conmon"),
    ),
  );
  const place = undo.use(makePlace("podman"));
  const under = (name: string) => join(place.folder, name);
  const env = { CONTAINERS_CONF: under("containers.conf"), HOME: under("home"), TMPDIR: under("scratch") };
  writeFileSync(env.CONTAINERS_CONF, settings);
  mkdirSync(env.HOME);
  mkdirSync(env.TMPDIR);
  const where = [
    "--root",
    under("data"),
    "--runroot",
    under("run"),
    "--tmpdir",
    under("tmp"),
    "--storage-driver",
    "vfs",
  ];
  const command = (...words: string[]) => ["podman", ...where, "--runtime", place.runtime, ...words];
  const image = "localhost/box";
  await output(command("import", await makeArchive(place.folder), image), { env });
  undo.defer(async () => {
    await output(command("rm", "--all", "--force", "--time", "0"), { env });
  });
  const all = undo.move();
  return {
    name: "podman",
    image,
    // Its clean-up calls the runtime without the flags that its command line can name for it: the runtime keeps to its own place.
    stateFolder: ownFolder,
    env,
    cwd: place.folder,
    command,
    // conmon is told and leaves a file where podman was called; this podman looks for it elsewhere.
    wasOutOfMemory: async () => {
      const file = join(place.folder, "oom");
      const there = existsSync(file);
      rmSync(file, { force: true });
      return there;
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
