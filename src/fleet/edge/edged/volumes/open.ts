/** The volumes of this node's pods. All that is made lies below `<root>/pods/<uid>`; what is mounted there is found again by the kernel's table, so that a crash leaves nothing that is not cleared. */
import { existsSync, mkdirSync, readdirSync, realpathSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../../../base/clock.ts";
import { SampanError } from "../../../../base/errors.ts";
import type { LiveEngine } from "../../../../engine/engine.ts";
import type { Pod, Volume } from "../../../../spec/kubernetes/pod.ts";
import { unitsOf } from "../../../../spec/kubernetes/quantity.ts";
import type { Meta } from "../../meta/meta.ts";
import { PodError, shown } from "../pod-error.ts";
import type { MountedVolumes, NodeFacts, PodVolumes } from "../translate.ts";
import { isWritten, writeFolder } from "./atomic-folder.ts";
import { claimed } from "./claims.ts";
import { contentKind, contentsOf, inMemory, type ContentSources } from "./contents.ts";
import { makeEmptyDir, mountMemory } from "./empty-dir.ts";
import { hostPath } from "./host-path.ts";
import { usedVolumes, volumeKind } from "./kinds.ts";
import { isMountPoint, unmountBelow } from "./mount-table.ts";
import { giveToGroup } from "./ownership.ts";
import { checkedLabel, folderOfUid, podFolder, podsFolder, subPathsFolder, volumesFolder } from "./places.ts";
import { pinSubPath, clearTarget } from "./sub-path.ts";
import { usedBytes } from "./used.ts";

export interface VolumesOptions {
  /** 0700; made when it is missing. */
  readonly root: string;
  readonly meta: Pick<Meta, "fetch" | "token">;
  readonly engine: { readonly unpacker: Pick<LiveEngine["unpacker"], "removeTree"> };
  readonly node: NodeFacts;
  readonly clock: Clock;
  readonly log: (text: string) => void;
}

/** Of a tmpfs that holds what objects say; it takes what it needs. */
const contentBytes = 64 << 20;
/** Milliseconds; after a token could not be renewed in time, too. */
const leastPause = 60_000;

interface Made {
  readonly path: string;
  readonly readOnly: boolean;
}

export function openVolumes(given: VolumesOptions): PodVolumes {
  mkdirSync(podsFolder(given.root), { recursive: true, mode: 0o700 });
  // The kernel's table of mounts knows no links.
  const root = realpathSync(given.root);
  const options = { ...given, root };
  const one = turns();
  const sources = (signal: AbortSignal): ContentSources => ({ ...options, signal });
  return {
    mount: (pod, signal) => one(pod.metadata.uid ?? "", () => mountAll(root, pod, sources(signal))),
    refresh: (pod, signal) => one(pod.metadata.uid ?? "", () => refreshAll(root, pod, sources(signal))),
    subPath: (pod, request) =>
      one(
        pod.metadata.uid ?? "",
        async () => await subPath({ root, pod, request, sources: sources(AbortSignal.timeout(30_000)) }),
      ),
    releaseSubPaths: (pod, container) =>
      one(pod.metadata.uid ?? "", () =>
        release(join(subPathsFolder(podFolder(root, pod)), checkedLabel("container", container))),
      ),
    overLimit: (pod) => overLimit(root, pod),
    used: (pod) => used(root, pod),
    unmount: (uid) => one(uid, () => unmountAll(options, uid, { whole: false })),
    sweep: (uids) => sweep(options, uids, one),
  };
}

type Turns = <T>(uid: string, work: () => T | Promise<T>) => Promise<T>;

/** One after the other for a pod. */
function turns(): Turns {
  const last = new Map<string, Promise<unknown>>();
  return async (uid, work) => {
    const before = last.get(uid) ?? Promise.resolve();
    const mine = before.then(work, work);
    const settled = mine.catch(() => undefined);
    last.set(uid, settled);
    try {
      return await mine;
    } finally {
      if (last.get(uid) === settled) last.delete(uid);
    }
  };
}

function failed(pod: Pod, volume: string, error: unknown): PodError {
  const { code, message } = SampanError.from(error);
  return new PodError(
    "FailedMount",
    `cannot mount volume ${shown(volume)} of pod ${shown(pod.metadata.name)}: ${message}`,
    {
      cause: error,
      code,
    },
  );
}

async function mountAll(root: string, pod: Pod, sources: ContentSources): Promise<MountedVolumes> {
  const paths = new Map<string, string>();
  const readOnly = new Set<string>();
  const folder = volumesFolder(podFolder(root, pod));
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  for (const volume of usedVolumes(pod)) {
    sources.signal.throwIfAborted();
    const made = await makeVolume(pod, volume, { path: join(folder, volume.name), sources }).catch(
      (error: unknown) => {
        throw failed(pod, volume.name, error);
      },
    );
    paths.set(volume.name, made.path);
    if (made.readOnly) readOnly.add(volume.name);
  }
  return { paths, readOnly };
}

interface Making {
  /** Where it lies if it is not the host's own place. */
  readonly path: string;
  readonly sources: ContentSources;
}

async function makeVolume(pod: Pod, volume: Volume, { path, sources }: Making): Promise<Made> {
  const kind = volumeKind(volume);
  const { emptyDir, hostPath: place, persistentVolumeClaim: claim } = volume;
  if (kind === "emptyDir") {
    makeEmptyDir(path, pod, { emptyDir: emptyDir ?? {}, node: sources.node });
    return { path, readOnly: false };
  }
  if (kind === "hostPath" && place) return { path: await hostPath(place, sources.signal), readOnly: false };
  if (kind === "persistentVolumeClaim" && claim) {
    const found = await claimed(pod, claim, sources);
    const { fsGroup, fsGroupChangePolicy } = pod.spec.securityContext ?? {};
    if (fsGroup !== undefined && found.ownsFiles && !found.readOnly)
      await giveToGroup(found.path, { group: fsGroup, readOnly: false, policy: fsGroupChangePolicy });
    return found;
  }
  await writeContents(pod, volume, { path, sources });
  return { path, readOnly: true };
}

/** Gives the time at which a token in it is to be renewed. */
async function writeContents(
  pod: Pod,
  volume: Volume,
  { path, sources }: Making,
): Promise<number | undefined> {
  const written = () => isWritten(path);
  const contents = await contentsOf(pod, volume, sources).catch((error: unknown) => {
    // Without the cloud, what is there from before goes on serving.
    if (SampanError.from(error).code === "unavailable" && written()) return undefined;
    throw error;
  });
  if (!contents || (contents.uncertain && written())) return sources.clock.now() + leastPause;
  mkdirSync(path, { recursive: true, mode: 0o755 });
  const kind = contentKind(volume);
  if (inMemory.some((each) => each === kind) && !isMountPoint(path))
    mountMemory(path, { size: contentBytes, noSuid: true });
  writeFolder(path, contents.files, { fsGroup: pod.spec.securityContext?.fsGroup, now: sources.clock.now() });
  return contents.renewAt;
}

async function refreshAll(root: string, pod: Pod, sources: ContentSources): Promise<number | undefined> {
  const folder = volumesFolder(podFolder(root, pod));
  let next: number | undefined;
  for (const volume of usedVolumes(pod)) {
    if (!contentKind(volume)) continue;
    const path = join(folder, volume.name);
    // One that was never mounted, or is gone, is not made again by this.
    if (!existsSync(path)) continue;
    const at = await writeContents(pod, volume, { path, sources }).catch((error: unknown) => {
      throw failed(pod, volume.name, error);
    });
    if (at !== undefined) next = Math.min(next ?? at, at);
  }
  return next === undefined ? undefined : Math.max(next - sources.clock.now(), leastPause);
}

interface SubPathWork {
  readonly root: string;
  readonly pod: Pod;
  readonly request: Parameters<PodVolumes["subPath"]>[1];
  readonly sources: ContentSources;
}

async function subPath({ root, pod, request, sources }: SubPathWork): Promise<string> {
  const { container, volume: name, path, index } = request;
  const folder = podFolder(root, pod);
  const volume = usedVolumes(pod).find((each) => each.name === name);
  if (!volume) throw failed(pod, name, new SampanError("not_found", "the pod has none of that name"));
  const target = join(
    subPathsFolder(folder),
    checkedLabel("container", container),
    name,
    String(Math.trunc(index)),
  );
  try {
    const place = await placeOf(pod, volume, { path: join(volumesFolder(folder), name), sources });
    pinSubPath({ volume: place, path, target, create: !contentKind(volume) });
    return target;
  } catch (error) {
    throw failed(pod, name, error);
  }
}

/** Where a volume that is mounted already lies. */
async function placeOf(pod: Pod, volume: Volume, { path, sources }: Making): Promise<string> {
  const { hostPath: place, persistentVolumeClaim: claim } = volume;
  if (place) return await hostPath(place, sources.signal);
  return claim ? (await claimed(pod, claim, sources)).path : path;
}

/** Of one container: targets are empty files and folders once nothing is mounted there. */
function release(folder: string): void {
  if (!existsSync(folder)) return;
  unmountBelow(folder);
  for (const volume of readdirSync(folder)) {
    for (const index of readdirSync(join(folder, volume))) clearTarget(join(folder, volume, index));
    rmdirSync(join(folder, volume));
  }
  rmdirSync(folder);
}

async function overLimit(root: string, pod: Pod) {
  const folder = volumesFolder(podFolder(root, pod));
  const over: { volume: string; used: number; limit: number }[] = [];
  for (const { name, emptyDir } of usedVolumes(pod)) {
    const limit = unitsOf(emptyDir?.sizeLimit ?? 0);
    if (limit <= 0) continue;
    const used = await usedBytes(join(folder, name));
    if (used > limit) over.push({ volume: name, used, limit });
  }
  return over;
}

async function used(root: string, pod: Pod): Promise<number> {
  const folder = volumesFolder(podFolder(root, pod));
  let bytes = 0;
  for (const { name, emptyDir } of usedVolumes(pod))
    if (emptyDir && emptyDir.medium !== "Memory") bytes += await usedBytes(join(folder, name));
  return bytes;
}

/** removeTree goes into no mount: if one came back after all, this fails and nothing of it is lost. */
async function unmountAll(
  { root, engine }: VolumesOptions,
  uid: string,
  { whole }: { readonly whole: boolean },
): Promise<void> {
  const folder = folderOfUid(root, uid);
  if (!existsSync(folder)) return;
  unmountBelow(folder);
  if (whole) return await engine.unpacker.removeTree(folder);
  await engine.unpacker.removeTree(subPathsFolder(folder));
  await engine.unpacker.removeTree(volumesFolder(folder));
  // One folder a pod would be many after a year; what others have in it stays until the next sweep.
  if (readdirSync(folder).length === 0) rmdirSync(folder);
}

async function sweep(options: VolumesOptions, uids: ReadonlySet<string>, one: Turns): Promise<void> {
  for (const uid of readdirSync(podsFolder(options.root))) {
    if (uids.has(uid)) continue;
    await one(uid, () => unmountAll(options, uid, { whole: true })).catch((error: unknown) => {
      options.log(SampanError.wrap(`cannot clear what pod ${shown(uid)} has left`, error).message);
    });
  }
}
