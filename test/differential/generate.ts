/**
 * From a seed one bundle: every field of config.json that this machine and Debian's runc 1.1.5 can honour. Most bundles can be run; some
 * ask for what cannot be done, and then both runtimes have to refuse. Fields that came to runc later are left to other tests: domainname
 * and the time namespace, id-mapped mounts, scheduler, ioPriority and memoryPolicy, personality, execCPUAffinity, netDevices, cpu.idle and cpu.burst, seccomp flags.
 */
import type { OciConfig, OciHook, OciHooks, OciProcess } from "../../src/spec/oci/config.ts";
import type { NamespaceType } from "../../src/spec/oci/values.ts";
import type { Case, FileEntry, Way } from "./case.ts";
import { places, randomLinux, randomMaps, randomNamespaces, randomSysctls } from "./_linux.ts";
import { randomMounts } from "./_mounts.ts";
import { randomProcess } from "./_process.ts";
import { randomCgroupsPath, randomResources } from "./_resources.ts";
import { spoil } from "./_spoil.ts";
import { Random } from "./random.ts";

const sources: readonly FileEntry[] = [
  { path: "source/sub", kind: "folder", mode: 0o750 },
  { path: "source/file", kind: "file", mode: 0o640, text: "source file\n" },
  { path: "source/script", kind: "file", mode: 0o755, text: "#!/bin/busybox sh\nexit 7\n" },
  { path: "source/sub/file", kind: "file", text: "below\n" },
  { path: "source-link", kind: "link", text: "source" },
  { path: "rootfs/closed", kind: "folder", mode: 0o700 },
];

/** A root file system that differs: things of another kind where the runtime wants to put its own. */
const oddities: readonly FileEntry[] = [
  { path: "rootfs/mnt", kind: "link", text: "/var" },
  { path: "rootfs/new", kind: "file", text: "a file where a folder is wanted\n" },
  { path: "rootfs/dev/null", kind: "file", text: "" },
  { path: "rootfs/dev/console", kind: "file", text: "" },
  { path: "rootfs/dev/ptmx", kind: "file", text: "old\n" },
  { path: "rootfs/dev/fd", kind: "folder" },
  { path: "rootfs/etc/hosts", kind: "file", mode: 0o600, text: "127.0.0.1 localhost\n" },
  { path: "rootfs/data/new", kind: "folder", mode: 0o711 },
  { path: "rootfs/run/keep", kind: "file", text: "kept\n" },
  { path: "rootfs/tmp/old", kind: "file", mode: 0o4755, text: "old\n" },
];

/** Those of a user namespace that the test holds (world.ts): runc 1.1 wants to be told. */
const heldMaps = {
  uidMappings: [{ containerID: 0, hostID: 100_000, size: 65_536 }],
  gidMappings: [{ containerID: 0, hostID: 100_000, size: 65_536 }],
};

/** What a hook finds, added to a file of the bundle. `$0` is the hook's name. */
const record =
  'exec >>$BUNDLE/hooks/log 2>&1; echo "@$0"; echo "|arguments $*"; echo "|cwd $PWD"; echo "|state $(cat)"; env | sort | sed "s/^/|env /"; ' +
  'id | sed "s/^/|/"; for fd in /proc/self/fd/*; do echo "|$fd"; done; hostname | sed "s/^/|host /"';

function hook(random: Random, name: string, shell: string): OciHook {
  const script = name.startsWith("startContainer")
    ? record.replace("$BUNDLE/hooks/log", "/tmp/hook-log")
    : record;
  // runc 1.1 runs poststart hooks at create, so that there a failing one ends what ours has begun.
  const fails = random.chance(0.05) && !name.startsWith("poststart");
  const status = fails ? random.pick([1, 7]) : 0;
  return {
    path: shell,
    args: ["sh", "-c", `${script}; exit ${status}`, name, ...(random.chance(0.3) ? ["more", "words"] : [])],
    env: random.chance(0.7) ? ["HOOK=1", "PATH=/bin:/usr/bin"] : [],
    ...(random.chance(0.2) && { timeout: 20 }),
  };
}

function randomHooks(random: Random): OciHooks {
  const kinds = [
    "prestart",
    "createRuntime",
    "createContainer",
    "startContainer",
    "poststart",
    "poststop",
  ] as const;
  const shell = Bun.which("busybox") ?? "/bin/busybox";
  return Object.fromEntries(
    random
      .sample(kinds, random.integer(1, 4))
      .map((kind) => [
        kind,
        Array.from({ length: random.integer(1, 2) }, (_, index) =>
          hook(random, `${kind} ${index}`, kind === "startContainer" ? "/bin/busybox" : shell),
        ),
      ]),
  );
}

function randomWay(random: Random): Way {
  return random.weighted<() => Way>([
    [6, () => ({ kind: "run", preserve: random.pick([0, 0, 0, 1, 2]) })],
    [4, () => ({ kind: "life", end: random.pick(["exits", "exits", "killed", "forced", "paused"]) })],
    [2, () => ({ kind: "exec", ...randomExec(random) })],
  ])();
}

function randomExec(random: Random): { process: OciProcess; flags: readonly string[] | undefined } {
  const process = randomProcess(random, ["t:/data", "t:/tmp"]);
  if (random.chance(0.5)) return { process, flags: undefined };
  const flags = [
    ...(random.chance(0.4) ? ["--user", random.pick(["0", "1000", "1000:5", "0:0", "65534:2000"])] : []),
    ...(random.chance(0.4) ? ["--cwd", random.pick(["/data", "/", "/tmp", "/nowhere"])] : []),
    ...(random.chance(0.4) ? ["--env", "FLAG=1", "--env", "A=flag"] : []),
    ...(random.chance(0.2) ? ["--additional-gids", "5"] : []),
    ...(random.chance(0.3) ? ["--cap", random.pick(["CAP_NET_ADMIN", "CAP_SYS_ADMIN", "CAP_CHOWN"])] : []),
    ...(random.chance(0.2) ? ["--no-new-privs"] : []),
  ];
  return { process, flags };
}

/** `group`: the cgroup below which containers that name their path are. */
export function generate(seed: number, group: string): Case {
  const random = new Random(seed);
  const namespaces = randomNamespaces(random);
  const user = namespaces.find(({ type }) => type === "user");
  const maps = user && (user.path ? heldMaps : randomMaps(random));
  const given = randomWay(random);
  const cgroupsPath = randomCgroupsPath(random, group);
  const mounts = randomMounts(random);
  const sysctl = random.chance(0.25) ? randomSysctls(random, namespaces) : undefined;
  const more = randomLinux(random);
  const linux = {
    namespaces,
    ...maps,
    ...(cgroupsPath && { cgroupsPath }),
    ...(sysctl && { sysctl }),
    ...more,
    // In a user namespace runc binds every device from the host, where no FIFO of that name is.
    ...(user && more.devices && { devices: more.devices.filter(({ type }) => type !== "p") }),
    ...(random.chance(0.6) && { resources: randomResources(random) }),
  };
  const uts = namespaces.some(({ type }) => type === "uts");
  const config: OciConfig = {
    ociVersion: random.pick(["1.0.0", "1.0.2", "1.0.2-dev"]),
    root: {
      path: random.pick(["rootfs", "rootfs", "$BUNDLE/rootfs", "./rootfs/", "other/../rootfs"]),
      ...(random.chance(0.3) && { readonly: random.chance(0.8) }),
    },
    ...(random.chance(0.99) && { mounts }),
    process: randomProcess(random, places({ mounts, linux })),
    ...(random.chance(uts ? 0.7 : 0.02) && {
      hostname: random.pick(["box", "a-name-that-is-longer-than-most.example.org", "UPPER_case"]),
    }),
    ...(random.chance(0.2) && { hooks: randomHooks(random) }),
    ...(random.chance(0.2) && {
      annotations: { "org.example.key": "value", "org.example.other": 'with "quotes" and ü' },
    }),
    linux,
  };
  const files = [...sources, { path: "other", kind: "folder" } as const];
  const odd = random.chance(0.2) ? random.some(oddities, 0.4) : [];
  const good = given.kind === "exec" ? waiting(config) : config;
  return {
    seed,
    config: random.chance(0.06) ? spoil(random, good) : good,
    files: [...files, ...odd],
    owner: maps?.uidMappings[0]?.hostID ?? 0,
    held: heldOf(namespaces),
    way: config.process.capabilities ? given : withoutCaps(given),
  };
}

/** runc 1.1 falls over `exec --cap` in a container without capabilities of its own. */
function withoutCaps(way: Way): Way {
  if (way.kind !== "exec" || !way.flags) return way;
  const at = way.flags.indexOf("--cap");
  return at < 0 ? way : { ...way, flags: way.flags.toSpliced(at, 2) };
}

/** A container for `exec` must live until it is told to end. */
function waiting(config: OciConfig): OciConfig {
  return { ...config, process: { ...config.process, cwd: "/", args: ["/bin/busybox", "cat"] } };
}

function heldOf(namespaces: NonNullable<NonNullable<OciConfig["linux"]>["namespaces"]>): NamespaceType[] {
  return namespaces.filter(({ path }) => path).map(({ type }) => type);
}
