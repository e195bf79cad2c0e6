/** What is mounted into a container beside its root: folders of the host, and volumes below `<root>/volumes/<name>/_data`. Pure. */
import { posix } from "node:path";
import { invalid } from "../../base/errors.ts";

export interface VolumeMount {
  /** A path of the host, or the name of a volume. */
  readonly source: string;
  readonly kind: "bind" | "volume";
  /** Goes with the container that is removed at its end. */
  readonly anonymous: boolean;
  /** Absolute, without `.` and `..`. */
  readonly destination: string;
  readonly readonly: boolean;
  readonly propagation: string;
}

const propagations = ["rprivate", "private", "rshared", "shared", "rslave", "slave"];
const volumeName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,254}$/;

/**
 * The words of -v (`/host:/in[:ro]`, `name:/in`, `/in`) and the image's VOLUME paths, which never replace what the user asked for. `..` in a path of an image ends at the
 * container's root (CVE-2022-23648). `newName` gives names to anonymous volumes.
 */
export function volumeMounts(
  words: readonly string[],
  declared: Readonly<Record<string, object>> | null | undefined,
  newName: () => string,
): VolumeMount[] {
  const asked = words.map((word) => parseVolume(word, newName));
  const places = asked.map(({ destination }) => destination);
  const twice = places.find((place, index) => places.indexOf(place) !== index);
  if (twice !== undefined) throw invalid(`cannot mount twice at "${twice}"`);
  for (const path of Object.keys(declared ?? {})) {
    const destination = inside(path);
    if (places.includes(destination)) continue;
    places.push(destination);
    asked.push(anonymous(destination, newName()));
  }
  // What lies in another comes after it.
  return asked.toSorted((a, b) => depth(a.destination) - depth(b.destination));
}

const depth = (path: string) => path.split("/").length;

function anonymous(destination: string, name: string): VolumeMount {
  return {
    source: name,
    kind: "volume",
    anonymous: true,
    destination,
    readonly: false,
    propagation: "rprivate",
  };
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
  const unknown = flags.find((flag) => !["ro", "rw", ...propagations].includes(flag));
  if (unknown !== undefined) throw refuse(`option "${unknown}" is unknown`);
  return {
    source: isPath ? posix.normalize(source) : source,
    kind: isPath ? "bind" : "volume",
    anonymous: false,
    destination: inside(target),
    readonly: flags.includes("ro"),
    propagation: flags.find((flag) => propagations.includes(flag)) ?? "rprivate",
  };
}

function inside(path: string): string {
  const clean = posix.join("/", path).replace(/(?<=.)\/$/, "");
  if (clean === "/" || clean.includes("\0"))
    throw invalid(`cannot mount a volume at "${path}": that is the container's root`);
  return clean;
}
