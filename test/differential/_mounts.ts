/** The random mounts of a bundle: those that every container has, more or less, and any others over, below and through them. */
import type { OciMount } from "../../src/spec/oci/config.ts";
import type { Random } from "./random.ts";

const flagWords = [
  "ro",
  "rw",
  "nosuid",
  "suid",
  "nodev",
  "dev",
  "noexec",
  "exec",
  "noatime",
  "atime",
  "nodiratime",
  "diratime",
  "relatime",
  "norelatime",
  "strictatime",
  "nostrictatime",
  "sync",
  "async",
  "dirsync",
  "silent",
  "loud",
  "mand",
  "nomand",
];

const propagationWords = [
  "private",
  "rprivate",
  "slave",
  "rslave",
  "shared",
  "rshared",
  "unbindable",
  "runbindable",
];

const recursiveWords = [
  "rro",
  "rnosuid",
  "rnodev",
  "rnoexec",
  "rnoatime",
  "rrw",
  "rsuid",
  "rrelatime",
  "rnodiratime",
];

function words(random: Random, most: number): string[] {
  return [
    ...random.sample(flagWords, random.integer(0, most)),
    ...(random.chance(0.25) ? [random.pick(propagationWords)] : []),
  ];
}

/** runc 1.1 knows the recursive forms for bind mounts only. */
function bindWords(random: Random, most: number): string[] {
  const recursive = random.chance(0.15) ? [random.pick(recursiveWords)] : [];
  return [...words(random, most), ...recursive];
}

/** Places in the container: plain, missing, below each other, and through links. */
const places = [
  "/data",
  "/data/sub",
  "/data/new",
  "/new",
  "/new/below/deep",
  "/mnt",
  "/mnt/in",
  "/link",
  "/link/sub",
  "/absolute",
  "/absolute/new",
  "/outside/new",
  "/dangling",
  "/run",
  "/run/lock",
  "/tmp",
  "/var/../var/x",
  "//mnt//double/",
  "/etc",
  "/home/user/.cache",
  "/dev/shm/in",
  "/sys/fs/bpf",
  "relative/place",
];

const filePlaces = [
  "/data/file",
  "/etc/hosts",
  "/new/file",
  "/file-link",
  "/link/file",
  "/etc/resolv.conf",
  "/new-file",
];

function tmpfs(random: Random): OciMount {
  const data = [
    random.pick(["size=64k", "size=1m", "size=50%"]),
    random.pick(["uid=1000", "gid=5", "uid=0", "nr_inodes=100"]),
  ];
  const fresh = random.chance(0.3);
  return {
    destination: fresh ? `/fresh/${random.integer(0, 9999)}` : random.pick(places),
    type: "tmpfs",
    ...(random.chance(0.9) && { source: random.pick(["tmpfs", "shm", "none"]) }),
    options: [
      ...words(random, 4),
      ...random.some(data, 0.4),
      // runc 1.1 gives it the mode of a folder that is there already, whatever the option says.
      ...(fresh ? [random.pick(["mode=755", "mode=1777", "mode=0700", "mode=711"])] : []),
      ...(random.chance(0.15) ? ["tmpcopyup"] : []),
    ],
  };
}

const folderSources = [
  "$BUNDLE/source",
  "$BUNDLE/source/sub",
  "$TREE",
  "$TREE/sub",
  "$TREE/shared",
  "source",
  "$BUNDLE/source-link",
];

function bindFolder(random: Random): OciMount {
  const kind = random.pick(["bind", "rbind"]);
  return {
    destination: random.pick(places),
    ...(random.chance(0.7) && { type: random.pick(["bind", "none", "bind"]) }),
    source: random.chance(0.97) ? random.pick(folderSources) : "$BUNDLE/nowhere",
    options: random.chance(0.5) ? [kind, ...bindWords(random, 4)] : [...bindWords(random, 3), kind],
  };
}

function bindFile(random: Random): OciMount {
  return {
    destination: random.pick(filePlaces),
    type: "bind",
    source: random.pick(["$BUNDLE/source/file", "$BUNDLE/source/script", "/dev/null", "$TREE/plain"]),
    options: [random.pick(["bind", "rbind"]), ...bindWords(random, 3)],
  };
}

function special(random: Random): OciMount {
  const destination = random.pick(["/new/special", "/mnt/special", "/special"]);
  const type = random.pick(["proc", "sysfs", "mqueue", "ramfs", "cgroup", "devpts", "tmpfs"]);
  return { destination, type, source: type, options: words(random, 3) };
}

/** At least /proc nearly always, and the rest as engines ask for it, with other options now and then. */
function usual(random: Random): OciMount[] {
  const dev = random.pick([
    ["nosuid", "strictatime", "mode=755", "size=65536k"],
    ["nosuid", "strictatime", "mode=755", "size=65536k"],
    ["nosuid", "noexec", "mode=0755"],
    ["ro", "nosuid"],
    [],
  ]);
  const pts = random.pick([
    ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
    ["newinstance", "ptmxmode=0000"],
  ]);
  const sys = random.pick([
    ["nosuid", "noexec", "nodev", "ro"],
    ["nosuid", "noexec", "nodev"],
    ["ro"],
    ["rw"],
  ]);
  const cgroup = random.pick([["nosuid", "noexec", "nodev", "relatime", "ro"], ["ro"], ["rw"], ["nosuid"]]);
  const proc = random.pick([
    undefined,
    undefined,
    undefined,
    undefined,
    ["nosuid", "noexec", "nodev"],
    ["nosuid", "noexec", "nodev"],
    ["ro"],
    ["hidepid=2"],
  ]);
  const list: [number, OciMount][] = [
    [0.985, { destination: "/proc", type: "proc", source: "proc", ...(proc && { options: proc }) }],
    [0.9, { destination: "/dev", type: "tmpfs", source: "tmpfs", options: dev }],
    [0.75, { destination: "/dev/pts", type: "devpts", source: "devpts", options: pts }],
    [
      0.7,
      {
        destination: "/dev/shm",
        type: "tmpfs",
        source: "shm",
        options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
      },
    ],
    [
      0.6,
      {
        destination: "/dev/mqueue",
        type: "mqueue",
        source: "mqueue",
        options: ["nosuid", "noexec", "nodev"],
      },
    ],
    [0.6, { destination: "/sys", type: "sysfs", source: "sysfs", options: sys }],
    [0.4, { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: cgroup }],
  ];
  return list.filter(([probability]) => random.chance(probability)).map(([, mount]) => mount);
}

export function randomMounts(random: Random): OciMount[] {
  const more = Array.from({ length: random.pick([0, 0, 1, 1, 2, 3, 5]) }, () =>
    random.weighted<(random: Random) => OciMount>([
      [4, tmpfs],
      [4, bindFolder],
      [3, bindFile],
      [1, special],
    ])(random),
  );
  return [...usual(random), ...more];
}
