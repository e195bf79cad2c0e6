/** What is mounted into a container beside its root: folders of the host, volumes, tmpfs, and images. Pure. */
import { posix } from "node:path";
import { invalid } from "../../base/errors.ts";
import type { CreateBody, Mount, StringMap } from "../../spec/docker/create.ts";
import type { ImageConfigRun } from "../../spec/image/types.ts";
import type { Remap } from "../snapshots/snapshotter.ts";
import { hostConfig } from "./request.ts";

export interface VolumeMount {
  /** A path of the host, the name of a volume, an image's reference; "" for a tmpfs. */
  readonly source: string;
  readonly kind: "bind" | "volume" | "tmpfs" | "image";
  /** Goes with the container that is removed at its end. */
  readonly anonymous: boolean;
  /** Absolute, without `.` and `..`. */
  readonly destination: string;
  readonly readonly: boolean;
  readonly propagation: string;
  /** Of a bind: a folder is made where nothing is. */
  readonly create?: boolean;
  /** Of a bind: without what is mounted below it. */
  readonly nonRecursive?: boolean;
  /** Of a read-only bind: `top` leaves what is mounted below writable, `force` fails where that cannot be helped; left out: where it can. */
  readonly readonlyTree?: "top" | "force";
  /** Of a new volume: the image's content stays out. */
  readonly noCopy?: boolean;
  /** Of a volume or image: this part of it, relative. */
  readonly subpath?: string;
  /** Of a tmpfs. */
  readonly options?: readonly string[];
  /** Of a volume that may have to be made. */
  readonly labels?: StringMap;
  readonly driverOptions?: StringMap;
  /** Ids of its files are those inside. */
  readonly idmap?: Remap;
  /** As it was written: `ro,z`. */
  readonly mode?: string;
}

const propagations = ["rprivate", "private", "rshared", "shared", "rslave", "slave"];
const volumeName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,254}$/;

export interface VolumesInput {
  readonly body: CreateBody;
  readonly image: Pick<ImageConfigRun, "Volumes">;
  /** For anonymous volumes. */
  readonly newName: () => string;
  /** The mounts of another container, for VolumesFrom. Errors: `not_found`. */
  readonly other?: (reference: string) => readonly VolumeMount[];
}

/**
 * All that is asked for, and the image's VOLUME paths, which never replace what the user asked for. What comes from another container gives way to all that is asked by name.
 * Errors: `invalid_argument` for what is no mount, and for a place that is taken twice.
 */
export function volumesOf({ body, image, newName, other }: VolumesInput): VolumeMount[] {
  const host = hostConfig(body);
  if (host.VolumeDriver && host.VolumeDriver !== "local")
    throw invalid(`cannot use volume driver "${host.VolumeDriver}": there is only "local"`);
  const asked = [
    ...(host.Binds ?? []).map((word) => parseVolume(word, newName)),
    ...(host.Mounts ?? []).map((mount) => parseMount(mount, newName)),
    ...Object.entries(host.Tmpfs ?? {}).map(([path, options]) =>
      tmpfs(path, options.split(",").filter(Boolean)),
    ),
  ];
  refuseTwice(asked);
  const places = new Set(asked.map(({ destination }) => destination));
  const all = [...asked];
  const from = (host.VolumesFrom ?? []).flatMap((word) => borrowed(word, other));
  for (const mount of new Map(from.map((each) => [each.destination, each])).values())
    if (!places.has(mount.destination)) add(mount);
  for (const path of Object.keys({ ...image.Volumes, ...body.Volumes })) {
    const destination = inside(path);
    if (!places.has(destination)) add(anonymous(destination, newName()));
  }
  // What lies in another comes after it.
  return all.toSorted((a, b) => depth(a.destination) - depth(b.destination));

  function add(mount: VolumeMount): void {
    places.add(mount.destination);
    all.push(mount);
  }
}

/** Those of extras.idmaps, by their places. Errors: `invalid_argument` for a place where no folder or file of the host is mounted. */
export function withIdmaps(
  volumes: readonly VolumeMount[],
  idmaps: Readonly<Record<string, Remap>> = {},
): readonly VolumeMount[] {
  const wanted = new Map(Object.entries(idmaps).map(([path, remap]) => [inside(path), remap]));
  for (const path of wanted.keys())
    if (!volumes.some(({ destination, kind }) => destination === path && kind !== "tmpfs"))
      throw invalid(
        `cannot map ids of the mount at "${path.slice(0, 150)}": there is none that has ids to map`,
      );
  return volumes.map((volume) => {
    const idmap = wanted.get(volume.destination);
    return idmap ? { ...volume, idmap } : volume;
  });
}

function refuseTwice(mounts: readonly VolumeMount[]): void {
  const places = mounts.map(({ destination }) => destination);
  const twice = places.find((place, index) => places.indexOf(place) !== index);
  if (twice !== undefined) throw invalid(`cannot mount twice at "${twice}"`);
}

/** The words of -v (`/host:/in[:ro]`, `name:/in`, `/in`) and the paths of VOLUME. */
export function volumeMounts(
  words: readonly string[],
  declared: Readonly<Record<string, object>> | null | undefined,
  newName: () => string,
): VolumeMount[] {
  return volumesOf({ body: { HostConfig: { Binds: words } }, image: { Volumes: declared ?? {} }, newName });
}

const depth = (path: string) => path.split("/").length;

const plain = { anonymous: false, readonly: false, propagation: "rprivate" } as const;

function anonymous(destination: string, name: string): VolumeMount {
  return { ...plain, source: name, kind: "volume", anonymous: true, destination };
}

/** `container[:ro|rw]`. What the other has of its own, a tmpfs, is not given on. */
function borrowed(word: string, other: VolumesInput["other"]): VolumeMount[] {
  const [, reference = "", mode = ""] = /^([^:]+)(?::([a-zA-Z,]+))?$/.exec(word) ?? [];
  const flags = mode.split(",").filter(Boolean);
  if (reference === "" || !flags.every((flag) => ["ro", "rw", "z", "Z"].includes(flag)) || !other)
    throw invalid(`cannot take the volumes of "${word.slice(0, 150)}": wanted <container>[:ro]`);
  return other(reference)
    .filter(({ kind }) => kind !== "tmpfs")
    .map((mount) => ({
      ...mount,
      // They go with the one that they were made for.
      anonymous: false,
      noCopy: true,
      readonly: mount.readonly || flags.includes("ro"),
    }));
}

function parseVolume(word: string, newName: () => string): VolumeMount {
  const parts = word.split(":");
  const refuse = (why: string) =>
    invalid(`cannot mount volume "${word}": ${why}; wanted [name or path:]path[:ro]`);
  if (parts.length > 3 || parts.includes("") || word.includes("\0"))
    throw refuse("it has empty or too many parts");
  if (parts.length === 1) return anonymous(inside(word), newName());
  const [source = "", target = "", options = ""] = parts;
  if (!target.startsWith("/")) throw refuse("its place in the container is not absolute");
  const isPath = source.startsWith("/");
  if (!isPath && !volumeName.test(source))
    throw refuse("its source is neither an absolute path nor a volume's name");
  const flags = options.split(",").filter(Boolean);
  const unknown = flags.find((flag) => !isFlag(flag, isPath));
  if (unknown !== undefined) throw refuse(`option "${unknown}" is unknown`);
  if (flags.includes("ro") && flags.includes("rw")) throw refuse('it is both "ro" and "rw"');
  if (flags.filter((flag) => propagations.includes(flag)).length > 1)
    throw refuse("it says twice how mounts below it are passed on");
  return {
    ...plain,
    source: isPath ? posix.normalize(source) : source,
    kind: isPath ? "bind" : "volume",
    destination: inside(target),
    readonly: flags.includes("ro"),
    propagation: flags.find((flag) => propagations.includes(flag)) ?? "rprivate",
    ...(isPath && { create: true }),
    ...(flags.includes("nocopy") && { noCopy: true }),
    ...(options !== "" && { mode: options }),
  };
}

/** SELinux labels and the words for a Mac's file sharing change nothing here. */
function isFlag(flag: string, isPath: boolean): boolean {
  const quiet = ["z", "Z", "consistent", "cached", "delegated", "default"];
  return ["ro", "rw", ...propagations, ...quiet].includes(flag) || (flag === "nocopy" && !isPath);
}

/** --mount. */
function parseMount(mount: Mount, newName: () => string): VolumeMount {
  const { Type, Source = "", Target, ReadOnly } = mount;
  const refuse = (why: string) => invalid(`cannot mount ${Type} at "${Target}": ${why}`);
  if (!Target.startsWith("/")) throw refuse("wanted an absolute place in the container");
  refuseForeignOptions(mount, refuse);
  const base = {
    ...plain,
    source: Source,
    kind: Type,
    destination: inside(Target),
    readonly: ReadOnly === true,
  };
  if (Type === "bind") return { ...base, ...bindOptions(mount, refuse) };
  if (Type === "volume") return { ...base, ...volumeOptions(mount, { newName, refuse }) };
  if (Type === "image") {
    if (Source === "") throw refuse("wanted an image as its source");
    return { ...base, readonly: true, ...subpathOf(mount.ImageOptions?.Subpath, refuse) };
  }
  if (Source !== "") throw refuse("a tmpfs has no source");
  const { SizeBytes, Mode, Options } = mount.TmpfsOptions ?? {};
  const words = (Options ?? []).map((pair) => pair.join("="));
  const size = SizeBytes ? [`size=${SizeBytes}`] : [];
  const mode = [`mode=${(Mode || 0o1777).toString(8)}`];
  return { ...tmpfs(Target, [...words, ...size, ...mode]), readonly: ReadOnly === true };
}

type Refuse = (why: string) => Error;

const optionsOf = {
  bind: "BindOptions",
  volume: "VolumeOptions",
  tmpfs: "TmpfsOptions",
  image: "ImageOptions",
} as const;

function refuseForeignOptions(mount: Mount, refuse: Refuse): void {
  for (const [type, field] of Object.entries(optionsOf))
    if (type !== mount.Type && mount[field]) throw refuse(`${field} are for another type, wanted none`);
}

function bindOptions({ Source = "", BindOptions, ReadOnly }: Mount, refuse: Refuse): Partial<VolumeMount> {
  if (!Source.startsWith("/")) throw refuse("wanted an absolute path as its source");
  const { Propagation, NonRecursive, CreateMountpoint, ReadOnlyNonRecursive, ReadOnlyForceRecursive } =
    BindOptions ?? {};
  if (ReadOnlyNonRecursive && ReadOnlyForceRecursive)
    throw refuse("ReadOnlyNonRecursive and ReadOnlyForceRecursive exclude each other");
  if ((ReadOnlyNonRecursive || ReadOnlyForceRecursive) && !ReadOnly)
    throw refuse("ReadOnlyNonRecursive and ReadOnlyForceRecursive are for a read-only mount");
  if (ReadOnlyForceRecursive && NonRecursive)
    throw refuse("ReadOnlyForceRecursive and NonRecursive exclude each other");
  return {
    source: posix.normalize(Source),
    propagation: Propagation || "rprivate",
    ...(CreateMountpoint && { create: true }),
    ...(NonRecursive && { nonRecursive: true }),
    ...(ReadOnlyNonRecursive && { readonlyTree: "top" as const }),
    ...(ReadOnlyForceRecursive && { readonlyTree: "force" as const }),
  };
}

function volumeOptions(
  { Source = "", VolumeOptions, ReadOnly }: Mount,
  { newName, refuse }: { newName: () => string; refuse: Refuse },
): Partial<VolumeMount> {
  const { NoCopy, Labels, DriverConfig, Subpath } = VolumeOptions ?? {};
  if (Source !== "" && !volumeName.test(Source)) throw refuse(`"${Source}" is no name of a volume`);
  if (DriverConfig?.Name && DriverConfig.Name !== "local")
    throw refuse(`there is no volume driver "${DriverConfig.Name}", only "local"`);
  if (Source === "" && Subpath) throw refuse("a part of a volume needs the volume's name");
  if (Source === "" && ReadOnly)
    throw refuse("nobody could ever write to an anonymous volume that is read-only");
  return {
    ...(Source === "" && { source: newName(), anonymous: true }),
    ...(NoCopy && { noCopy: true }),
    ...(Labels && { labels: Labels }),
    ...(DriverConfig?.Options && { driverOptions: DriverConfig.Options }),
    ...subpathOf(Subpath, refuse),
  };
}

/** Where it leads is looked at when it is mounted; here, that it says nothing else than a part. */
function subpathOf(subpath: string | undefined, refuse: Refuse): { subpath?: string } {
  if (!subpath) return {};
  if (posix.isAbsolute(subpath) || subpath.split("/").includes(".."))
    throw refuse(`part "${subpath}" is not a relative path without ".."`);
  return { subpath };
}

/** tmpfs(5), and what mount(2) has for all. */
const tmpfsOptions =
  /^(?:size=\d+[kmgKMG%]?|nr_blocks=\d+[kmgKMG]?|nr_inodes=\d+[kmgKMG]?|mode=[0-7]{1,4}|uid=\d+|gid=\d+|mpol=[a-z0-9:,=-]+|huge=[a-z_]+|noswap|defaults|r[ow]|(?:no)?(?:suid|dev|exec|atime|diratime|relatime|strictatime|symfollow|mand)|a?sync|dirsync|(?:r?(?:private|shared|slave|unbindable)))$/;

function tmpfs(path: string, options: readonly string[]): VolumeMount {
  const refuse = (why: string) => invalid(`cannot mount tmpfs at "${path}": ${why}`);
  if (!path.startsWith("/")) throw refuse("wanted an absolute place in the container");
  const unknown = options.find((option) => !tmpfsOptions.test(option));
  if (unknown !== undefined) throw refuse(`option "${unknown}" is unknown`);
  return { ...plain, source: "", kind: "tmpfs", destination: inside(path), options };
}

/** `..` in a path of an image ends at the container's root (CVE-2022-23648). */
function inside(path: string): string {
  const clean = posix.join("/", path).replace(/(?<=.)\/$/, "");
  if (clean === "/" || clean.includes("\0"))
    throw invalid(`cannot mount a volume at "${path}": that is the container's root`);
  return clean;
}
