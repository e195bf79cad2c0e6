/**
 * The root of a container's files, for docker cp. Of one that runs it is the root that its processes see, with all that is mounted there. One that does not run is mounted for
 * the moment, with its volumes: as a tree of mounts that nothing but our descriptor holds, so that a crash leaves none; and nobody starts it meanwhile.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, rmdirSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { systemError } from "../../kernel/errno.ts";
import { byteString, close, openAt, openAt2, at } from "../../kernel/fs.ts";
import { O, RESOLVE } from "../../kernel/linux.ts";
import { cloneTree, makeReadOnly, putTree } from "../../kernel/mount-trees.ts";
import { unmount } from "../../kernel/mounts.ts";
import { processStart } from "../../kernel/process.ts";
import type { LiveEngine } from "../engine.ts";
import { mountAll, unmountAll } from "../snapshots/mount.ts";
import type { Remap } from "../snapshots/snapshotter.ts";
import { insideRoot, openFolder } from "../unpack/into-root.ts";
import type { ContainerInfo } from "./containers.ts";
import { ownerOf } from "./copy-owner.ts";
import { storedContainer } from "./open.ts";
import type { VolumeMount } from "./volumes.ts";

export type RootParts = Pick<
  LiveEngine,
  "containers" | "settings" | "snapshots" | "store" | "tasks" | "volumes"
>;

export interface ContainerRoot extends AsyncDisposable {
  /** Of a folder; everything inside is opened from it by openat2(2) with RESOLVE_IN_ROOT. */
  readonly fd: number;
  readonly remap: Remap | undefined;
  readonly volumes: readonly VolumeMount[];
}

/** Errors: `not_found`. */
export async function openContainerRoot(engine: RootParts, reference: string): Promise<ContainerRoot> {
  const info = engine.containers.get(reference);
  const running = runningRoot(engine, info);
  if (running) return running;
  await using stack = new AsyncDisposableStack();
  stack.use(await hold(engine, info.id));
  // It may have been started while it was waited for.
  const started = runningRoot(engine, engine.containers.get(info.id));
  if (started) return started;
  return await stoppedRoot(engine, info, stack);
}

function describe(engine: RootParts, id: string): Pick<ContainerRoot, "remap" | "volumes"> {
  const { remap, volumes } = storedContainer(engine.store, id);
  return { remap, volumes };
}

/** Undefined when its first process is not there (any more). */
function runningRoot(engine: RootParts, { id, state, pid }: ContainerInfo): ContainerRoot | undefined {
  if (pid === undefined || (state !== "running" && state !== "paused")) return undefined;
  const start = processStart(pid);
  const connected = engine.tasks.get(id);
  if (start === undefined || (connected && connected.pid !== pid)) return undefined;
  const fd = openAt(at.FDCWD, `/proc/${pid}/root`, O.RDONLY | O.DIRECTORY);
  if (fd < 0) return undefined;
  // It is the same process still, not another one that got its number.
  if (processStart(pid) !== start) {
    close(fd);
    return undefined;
  }
  return { ...describe(engine, id), fd, [Symbol.asyncDispose]: async () => close(fd) };
}

/** The container's lock, until it is given back. */
async function hold({ tasks }: RootParts, id: string): Promise<AsyncDisposable> {
  const held = Promise.withResolvers<void>();
  const free = Promise.withResolvers<void>();
  const done = tasks.exclusive(id, async () => {
    held.resolve();
    await free.promise;
  });
  done.catch(held.reject);
  await held.promise;
  return {
    async [Symbol.asyncDispose]() {
      free.resolve();
      await done;
    },
  };
}

async function stoppedRoot(
  engine: RootParts,
  { id, snapshot }: ContainerInfo,
  stack: AsyncDisposableStack,
): Promise<ContainerRoot> {
  const parts = describe(engine, id);
  const place = makePlace(engine);
  const mounts = engine.snapshots.mounts(snapshot);
  let fd: number;
  try {
    await mountAll(mounts, place);
    try {
      for (const volume of parts.volumes)
        await putVolume(engine, { id, place, volume, remap: parts.remap, stack });
      fd = cloneTree(place);
    } finally {
      unmountAll(mounts, place);
    }
  } finally {
    rmdirSync(place);
  }
  stack.defer(() => close(fd));
  const open = stack.move();
  return { ...parts, fd, [Symbol.asyncDispose]: () => open.disposeAsync() };
}

interface Put {
  readonly id: string;
  readonly place: string;
  readonly volume: VolumeMount;
  readonly remap: Remap | undefined;
  readonly stack: AsyncDisposableStack;
}

/** A tmpfs has nothing while nobody runs. */
async function putVolume(engine: RootParts, { id, place, volume, remap, stack }: Put): Promise<void> {
  const source = await sourceOf(engine, { id, volume, stack });
  const isFolder = source === undefined ? undefined : await looksAt(source);
  if (source === undefined || isFolder === undefined) return;
  const root = openAt(at.FDCWD, byteString(place), O.RDONLY | O.DIRECTORY);
  if (root < 0) throw systemError(`open "${place}"`, -root);
  try {
    const onto = isFolder
      ? openFolder({ root, folder: "", owner: ownerOf(remap) }, byteString(volume.destination.slice(1)))
      : openAt2(root, byteString(volume.destination), O.PATH, insideRoot);
    // The file that it is mounted on is made when it is started.
    if (onto < 0) return;
    try {
      putOnto(source, onto, volume.readonly);
    } finally {
      close(onto);
    }
  } finally {
    close(root);
  }
}

/** Milliseconds that the file system of a bind has to answer. */
const patience = 10_000;

/** Whether it is a folder; undefined where nothing is. Not in this thread: it may be on a share whose server is gone. */
async function looksAt(path: string): Promise<boolean | undefined> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new SampanError("deadline_exceeded", `"${path}" does not answer`)),
    patience,
  );
  try {
    return (await Promise.race([stat(path), late.promise])).isDirectory();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** What is to be mounted; undefined where it is not there, or for what only a running container has. */
async function sourceOf(
  { volumes }: RootParts,
  { id, volume, stack }: Pick<Put, "id" | "volume" | "stack">,
): Promise<string | undefined> {
  const { kind, source, subpath } = volume;
  if (kind === "bind") return source;
  if (kind !== "volume") return undefined;
  try {
    const path = await volumes.acquire(source, id);
    stack.defer(() => volumes.release(source, id));
    return subpath === undefined ? path : partOf(path, subpath, stack);
  } catch (error) {
    if (SampanError.from(error).code === "not_found") return undefined;
    throw error;
  }
}

/** Settled once, inside of the volume (CVE-2021-25741). */
function partOf(path: string, subpath: string, stack: AsyncDisposableStack): string | undefined {
  const top = openAt(at.FDCWD, byteString(path), O.PATH | O.DIRECTORY);
  if (top < 0) return undefined;
  const part = openAt2(top, byteString(subpath), O.PATH, RESOLVE.BENEATH | RESOLVE.NO_MAGICLINKS);
  close(top);
  if (part < 0) return undefined;
  stack.defer(() => close(part));
  return `/proc/self/fd/${part}`;
}

function putOnto(source: string, onto: number, readonly: boolean): void {
  const tree = cloneTree(source);
  try {
    if (readonly) makeReadOnly(tree);
    putTree(tree, onto);
  } finally {
    close(tree);
  }
}

/** A folder of our own to mount on, for a moment. What a process that was killed in that moment has left is taken away. */
function makePlace({ settings }: RootParts): string {
  const folder = join(settings.state, "copies");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(folder)) {
    const [pid, start] = name.split("-");
    if (processStart(Number(pid)) === start) continue;
    unmount(join(folder, name));
    rmdirSync(join(folder, name));
  }
  const place = join(folder, `${process.pid}-${processStart(process.pid)}-${randomBytes(8).toString("hex")}`);
  mkdirSync(place, { mode: 0o700 });
  return place;
}
