/** mountinfo without the numbers that the kernel gives out as it likes (proc_pid_mountinfo(5)). */

interface Line {
  readonly id: string;
  readonly parent: string;
  readonly device: string;
  readonly root: string;
  readonly place: string;
  readonly options: string;
  readonly tags: readonly string[];
  readonly rest: string;
}

function parse(line: string): Line {
  const [before = "", rest = ""] = line.split(" - ");
  const [id = "", parent = "", device = "", root = "", place = "", options = "", ...tags] = before.split(" ");
  return { id, parent, device, root, place, options, tags, rest };
}

/**
 * Sorted by place and by how many mounts are below it; parents by their place; device numbers of file systems without a device, and peer
 * groups, by the order in which they are met.
 */
export function canonicalMounts(lines: readonly string[]): string[] {
  const mounts = lines.filter((line) => line.includes(" - ")).map(parse);
  const byId = new Map(mounts.map((mount) => [mount.id, mount]));
  const depth = (mount: Line): number => {
    const parent = byId.get(mount.parent);
    return parent && parent !== mount ? depth(parent) + 1 : 0;
  };
  const sorted = mounts.toSorted((a, b) =>
    a.place < b.place ? -1 : a.place > b.place ? 1 : depth(a) - depth(b),
  );
  const devices = new Map<string, string>();
  const peers = new Map<string, string>();
  const named = (table: Map<string, string>, key: string): string => {
    if (!table.has(key)) table.set(key, String(table.size + 1));
    return table.get(key) ?? "";
  };
  return sorted.map(({ parent, device, root, place, options, tags, rest }) => {
    const number = device.startsWith("0:") ? `0:#${named(devices, device)}` : device;
    const peer = tags.map((tag) => tag.replace(/\d+/, (group) => `#${named(peers, group)}`));
    return [place, `on ${byId.get(parent)?.place ?? "?"}`, number, root, options, ...peer, "-", rest].join(
      " ",
    );
  });
}
