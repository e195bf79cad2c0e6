/**
 * The first process of a PID namespace that a pod's containers share: the engine's init with nothing to start, as a container of the runtime without an image and without a right. It reaps what the
 * containers leave behind. Its namespace is pinned like the others, and ends with it.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { bindMount, unmount } from "../../kernel/mounts.ts";
import { bootId, processStart } from "../../kernel/process.ts";
import type { OciConfig } from "../../spec/oci/config.ts";
import { formatDocument } from "../../spec/oci/parse.ts";
import { within } from "../containers/deadline.ts";
import { shutToOthers } from "../containers/rootfs.ts";
import type { IdRange, Remap } from "../snapshots/snapshotter.ts";
import type { PodParts } from "./make.ts";
import { pinnedOf, placesOf, type PodPlaces, type PodRow } from "./places.ts";

/** Milliseconds. */
const patience = 10_000;
/** Those of nobody. */
const nobody = 65_534;

/** No id of a container: nothing of it is taken for one's. */
const runtimeId = (pod: string) => `pod-${pod}`;

export async function startInit(
  engine: PodParts,
  { id, request }: PodRow,
  signal?: AbortSignal,
): Promise<void> {
  if (isInitAlive(engine, id)) return;
  await stopInit(engine, id);
  const places = placesOf(engine.settings, id);
  const bundle = bundleOf(places);
  const folder = join(bundle, "monitor");
  for (const each of [bundle, folder]) mkdirSync(each, { recursive: true, mode: 0o700 });
  if (request.userns) shutToOthers(bundle, request.userns);
  makeRoot(join(bundle, "rootfs"));
  const network = engine.networks.sandbox(id)?.path;
  const config = initConfig({
    init: await engine.runtimes.init(),
    cgroup: join("/", request.cgroupParent ?? "", `sampan-${runtimeId(id)}`),
    places,
    pinned: new Set(pinnedOf(request)),
    network,
    userns: request.userns,
  });
  writeFileSync(join(bundle, "config.json"), formatDocument(config), { mode: 0o600 });
  const runtime = engine.runtimes.get("native");
  const monitor = { folder, stdio: { terminal: false, stdin: "none" } } as const;
  const { pid } = await runtime.create({ id: runtimeId(id), bundle, monitor }, signal);
  await runtime.start(runtimeId(id), signal);
  writeFileSync(places.pid, "", { flag: "a", mode: 0o444 });
  bindMount(`/proc/${pid}/ns/pid`, places.pid, false);
  writeFileSync(recordOf(places), JSON.stringify({ pid, start: processStart(pid), boot: bootId() }), {
    mode: 0o600,
  });
}

export async function stopInit(engine: PodParts, id: string): Promise<void> {
  const places = placesOf(engine.settings, id);
  await within(patience, `end the init of pod "${id.slice(0, 12)}"`, (signal) =>
    engine.runtimes.get("native").delete(runtimeId(id), { force: true, signal }),
  );
  unmount(places.pid);
  rmSync(bundleOf(places), { recursive: true, force: true });
}

/** Whether the process that was written down lives. */
export function isInitAlive({ settings }: Pick<PodParts, "settings">, id: string): boolean {
  const record = readRecord(recordOf(placesOf(settings, id)));
  return record !== undefined && record.boot === bootId() && processStart(record.pid) === record.start;
}

function readRecord(path: string): { pid: number; start: string; boot: string } | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as { pid: number; start: string; boot: string };
  } catch (error) {
    // A power cut can leave an empty one.
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw SampanError.from(error);
  }
}

const bundleOf = ({ folder }: PodPlaces) => join(folder, "init");
const recordOf = (places: PodPlaces) => join(bundleOf(places), "process");

/** With what is mounted on: root of a user namespace can make nothing in it. */
function makeRoot(rootfs: string): void {
  for (const path of [rootfs, join(rootfs, "proc"), join(rootfs, "dev")]) mkdirSync(path, { mode: 0o755 });
  writeFileSync(join(rootfs, "init"), "", { mode: 0o444 });
}

/** Nobody's, or in a user namespace that has none the only one that is there for sure: without any right root's is as good. */
function idIn(ranges: readonly IdRange[] | undefined): number {
  const has = ({ containerID, size }: IdRange) => containerID <= nobody && nobody < containerID + size;
  return ranges === undefined || ranges.some(has) ? nobody : 0;
}

interface InitInput {
  readonly init: string;
  readonly cgroup: string;
  readonly places: PodPlaces;
  readonly pinned: ReadonlySet<string>;
  readonly network: string | undefined;
  readonly userns: Remap | undefined;
}

function initConfig({ init, cgroup, places, pinned, network, userns }: InitInput): OciConfig {
  const quiet = ["nosuid", "noexec", "nodev"];
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: false,
      user: { uid: idIn(userns?.uids), gid: idIn(userns?.gids), additionalGids: [] },
      args: ["/init", "-"],
      env: [],
      cwd: "/",
      capabilities: {},
      noNewPrivileges: true,
    },
    root: { path: join(bundleOf(places), "rootfs"), readonly: true },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc", options: quiet },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=64k"] },
      { destination: "/init", type: "bind", source: init, options: ["bind", "ro", "nosuid", "nodev"] },
    ],
    linux: {
      namespaces: [
        { type: "mount" },
        { type: "pid" },
        ...(pinned.has("user") ? [{ type: "user", path: places.user } as const] : []),
        ...(pinned.has("ipc") ? [{ type: "ipc", path: places.ipc } as const] : []),
        ...(pinned.has("uts") ? [{ type: "uts", path: places.uts } as const] : []),
        ...(network === undefined ? [] : [{ type: "network", path: network } as const]),
      ],
      cgroupsPath: cgroup,
      resources: { devices: [{ allow: false, access: "rwm" }] },
    },
  };
}
