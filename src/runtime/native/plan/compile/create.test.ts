import { describe, expect, test } from "bun:test";
import { CLONE, MOUNT_ATTR, MS, RESOLVE } from "../../../../kernel/linux.ts";
import type { OciConfig } from "../../../../spec/oci/config.ts";
import { defaultConfig } from "../../../../spec/oci/default.ts";
import { slot, type Operation, type OperationName, type Plan, type Stage } from "../operations.ts";
import type { CreateOptions, Host } from "./context.ts";
import { compileCreate } from "./create.ts";

const host: Host = {
  arch: "x64",
  euid: 0,
  egid: 0,
  inUserNamespace: false,
  cgroups: { mode: "v1", v1: {}, own: {} },
  lastCapability: 40,
  appArmor: false,
  seLinux: false,
};

function plan(change: (config: OciConfig) => void = () => {}, options: Partial<CreateOptions> = {}): Plan {
  const config = defaultConfig({});
  config.process.terminal = false;
  change(config);
  return compileCreate({
    id: "c1",
    config,
    bundle: "/bundle",
    rootfs: "/bundle/rootfs",
    rootfsMount: "/",
    host,
    cgroup: { create: [], join: [], chown: [], dirs: {}, warnings: [] },
    stateDir: "/run/c1",
    rootless: false,
    preserveFds: 0,
    ...options,
  });
}

function linux(config: OciConfig): NonNullable<OciConfig["linux"]> {
  return (config.linux ??= {});
}

function all(made: Plan, stage: Stage, name: OperationName): Operation[] {
  return (made[stage] ?? []).filter((operation) => operation.name === name);
}

function names(made: Plan, stage: Stage): OperationName[] {
  return (made[stage] ?? []).map(({ name }) => name);
}

/** The place of the first operation that fits; fails when there is none. */
function place(list: readonly Operation[], name: OperationName, args: Record<string, unknown> = {}): number {
  const at = list.findIndex(
    (each) => each.name === name && Object.entries(args).every(([key, value]) => each.args[key] === value),
  );
  if (at < 0) throw new Error(`no operation ${name} ${JSON.stringify(args)}`);
  return at;
}

describe("the three processes", () => {
  test("init is cloned by the parent as the caller's own child, in all new namespaces but the cgroup's", () => {
    const [clone] = all(plan(), "parent", "clone");
    const flags = CLONE.PARENT | CLONE.NEWPID | CLONE.NEWNET | CLONE.NEWIPC | CLONE.NEWUTS | CLONE.NEWNS;
    expect(clone?.args["flags"]).toBe(flags);
    expect(clone?.args["stage"]).toBe(2);
    expect(plan().middle).toEqual([]);
  });

  test("a cgroup namespace is made when the process is in its cgroups", () => {
    const made = plan((config) => linux(config).namespaces?.push({ type: "cgroup" }), {
      cgroup: {
        create: [],
        join: ["/sys/fs/cgroup/pids/c1/cgroup.procs"],
        chown: [],
        dirs: {},
        warnings: [],
      },
    });
    const joined = place(made.init, "write", { data: "0" });
    expect(place(made.init, "unshare", { flags: CLONE.NEWCGROUP })).toBeGreaterThan(joined);
    expect(all(made, "parent", "open").map(({ args }) => args["path"])).toContain(
      "/sys/fs/cgroup/pids/c1/tasks",
    );
  });

  test.each(["user", "pid", "time"] as const)(
    "a %s namespace that is joined is entered by a middle process",
    (type) => {
      const made = plan((config) => {
        linux(config).namespaces = [{ type: "mount" }, { type, path: "/proc/1/ns/x" }];
      });
      expect(names(made, "middle")).toContain("setns");
      expect(all(made, "parent", "clone")[0]?.args["stage"]).toBe(1);
      expect(all(made, "middle", "clone")[0]?.args["stage"]).toBe(2);
    },
  );

  test("a mount namespace that is joined comes after the others, since paths mean something else from then on", () => {
    const made = plan((config) => {
      linux(config).namespaces = [
        { type: "mount", path: "/m" },
        { type: "network", path: "/n" },
      ];
    });
    expect(all(made, "init", "setns").map(({ why }) => why)).toEqual([
      "linux.namespaces (network)",
      "linux.namespaces (mount)",
    ]);
  });

  test("id maps are written by the parent before init may go on", () => {
    const made = plan((config) => {
      linux(config).namespaces?.push({ type: "user" });
      linux(config).uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
      linux(config).gidMappings = [{ containerID: 0, hostID: 200000, size: 65536 }];
    });
    const go = place(made.parent, "send", { byte: 0x67 });
    expect(place(made.parent, "write", { path: "uid_map", data: "0 100000 65536\n" })).toBeLessThan(go);
    expect(place(made.parent, "write", { path: "gid_map", data: "0 200000 65536\n" })).toBeLessThan(go);
    expect(place(made.init, "setuid", { id: 0 })).toBeGreaterThan(
      place(made.init, "receive", { byte: 0x67 }),
    );
  });

  test("time offsets are written before anybody is in the namespace", () => {
    const made = plan((config) => {
      linux(config).namespaces?.push({ type: "time" });
      linux(config).timeOffsets = { boottime: { secs: 100, nanosecs: 5 } };
    });
    expect(
      place(made.middle, "write", { path: "self/timens_offsets", data: "boottime 100 5\n" }),
    ).toBeLessThan(place(made.middle, "clone"));
  });

  test("each byte that one side waits for is one that the other sends", () => {
    const made = plan((config) => {
      config.hooks = { createRuntime: [{ path: "/bin/true" }] };
      linux(config).namespaces?.push({ type: "user" }, { type: "time" });
      linux(config).uidMappings = linux(config).gidMappings = [{ containerID: 0, hostID: 1000, size: 10 }];
      config.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 10, hard: 20 }];
    });
    const bytes = (stages: Stage[], name: OperationName): string[] =>
      stages.flatMap((stage) => all(made, stage, name).map(({ args }) => String(args["byte"])));
    expect(bytes(["parent"], "receive").toSorted()).toEqual(bytes(["middle", "init"], "send").toSorted());
    expect(bytes(["middle", "init"], "receive").toSorted()).toEqual(bytes(["parent"], "send").toSorted());
  });
});

describe("the root file system", () => {
  test("paths of the container are resolved below the root until it is the root", () => {
    const made = plan();
    for (const operation of made.init) {
      if (operation.name !== "mount_point") continue;
      expect(operation.args["dir"]).toBe(slot.root);
      expect(Number(operation.args["resolve"]) & RESOLVE.IN_ROOT).toBe(RESOLVE.IN_ROOT);
    }
  });

  test("mounts come in the order of the list, then devices, then the change of root", () => {
    const made = plan();
    const destinations = all(made, "init", "mount_point").map(({ args }) => args["path"]);
    const wanted = (defaultConfig({}).mounts ?? []).map(({ destination }) => destination);
    expect(destinations.filter((path) => wanted.includes(String(path))).slice(0, wanted.length)).toEqual(
      wanted,
    );
    expect(place(made.init, "mknod", { path: "/dev/null" })).toBeLessThan(place(made.init, "pivot_root"));
    expect(place(made.init, "mask_path")).toBeGreaterThan(place(made.init, "pivot_root"));
  });

  test("proc and sysfs are not mounted through a link (CVE-2019-19921)", () => {
    const [proc] = all(plan(), "init", "mount_point").filter(({ args }) => args["path"] === "/proc");
    expect(Number(proc?.args["resolve"]) & RESOLVE.NO_SYMLINKS).toBe(RESOLVE.NO_SYMLINKS);
  });

  test("nothing is mounted inside /proc but what runc allows", () => {
    const inside = (destination: string) => () =>
      plan((config) => config.mounts?.push({ destination, type: "bind", source: "/x", options: ["bind"] }));
    expect(inside("/proc/sys")).toThrow('destination "/proc/sys": nothing may be mounted inside /proc');
    expect(inside("/proc/../proc/self")).toThrow("nothing may be mounted inside /proc");
    expect(inside("/proc/meminfo")).not.toThrow();
  });

  test("a bind mount's source is opened by the parent when init will be somebody else", () => {
    const bind = { destination: "/data", type: "bind", source: "/srv", options: ["rbind", "ro"] };
    const own = plan((config) => config.mounts?.push(bind));
    expect(all(own, "parent", "open_tree")).toEqual([]);
    const mapped = plan((config) => {
      config.mounts?.push(bind);
      linux(config).namespaces?.push({ type: "user" });
      linux(config).uidMappings = linux(config).gidMappings = [{ containerID: 0, hostID: 1000, size: 10 }];
    });
    expect(all(mapped, "parent", "open_tree").map(({ args }) => args["path"])).toContain("/srv");
    // It came from the host's namespace as a peer: in the container it must not send.
    expect(all(mapped, "parent", "mount_setattr")[0]?.args["propagation"]).toBe(MS.SLAVE);
  });

  test("in a user namespace devices are bound, not made", () => {
    const made = plan((config) => {
      linux(config).namespaces?.push({ type: "user" });
      linux(config).uidMappings = linux(config).gidMappings = [{ containerID: 0, hostID: 1000, size: 10 }];
    });
    expect(all(made, "init", "mknod")).toEqual([]);
    expect(all(made, "parent", "open_tree").map(({ args }) => args["path"])).toContain("/dev/null");
  });

  test("a /dev that is bound is left as it is", () => {
    const made = plan((config) => {
      config.mounts = [{ destination: "/dev/", type: "bind", source: "/dev", options: ["rbind"] }];
    });
    expect(all(made, "init", "mknod")).toEqual([]);
    expect(all(made, "init", "symlink")).toEqual([]);
  });

  test("a read-only /dev is made read-only when its devices are there", () => {
    const made = plan((config) => {
      config.mounts = [{ destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["ro"] }];
    });
    const readOnly = made.init.findIndex(
      ({ name, args, why }) =>
        name === "mount_setattr" && args["set"] === MOUNT_ATTR.RDONLY && why === "mounts[0].options",
    );
    expect(readOnly).toBeGreaterThan(place(made.init, "mknod", { path: "/dev/null" }));
  });

  test("--no-pivot moves the root, no mount namespace leaves only chroot", () => {
    expect(
      names(
        plan(() => {}, { noPivot: true }),
        "init",
      ),
    ).not.toContain("pivot_root");
    const shared = plan((config) => {
      linux(config).namespaces = [];
      delete linux(config).maskedPaths;
      delete linux(config).readonlyPaths;
    });
    expect(names(shared, "init")).toContain("chroot");
    expect(names(shared, "init")).not.toContain("pivot_root");
  });

  test("an option that is too long for fsconfig is mounted as one text", () => {
    const made = plan((config) => {
      const lowerdir = `lowerdir=${"/l".repeat(200)}`;
      config.mounts = [{ destination: "/o", type: "overlay", source: "overlay", options: [lowerdir, "ro"] }];
    });
    const [mount] = all(made, "init", "mount").filter(({ args }) => args["type"] === "overlay");
    expect(mount?.args["flags"]).toBe(MS.RDONLY);
    expect(String(mount?.args["data"])).toStartWith("lowerdir=");
  });
});

describe("what the process may", () => {
  test("credentials change after the root and before the program is looked for", () => {
    const made = plan((config) => {
      config.process.user = { uid: 1000, gid: 100, additionalGids: [5, 6] };
    });
    const order = [
      "pivot_root",
      "close_range",
      "bounding",
      "setgroups",
      "setgid",
      "setuid",
      "capset",
      "ambient",
      "check_cwd",
      "find_exec",
      "wait_start",
      "exec",
    ];
    const places = order.map((name) => place(made.init, name as OperationName));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
  });

  test("capabilities: five sets as bits; unknown names are left out", () => {
    const made = plan((config) => {
      config.process.capabilities = {
        bounding: ["CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_NEVER_HEARD_OF"],
        effective: ["CAP_CHOWN"],
        permitted: ["CAP_SYS_ADMIN"],
        inheritable: ["CAP_CHECKPOINT_RESTORE"],
        ambient: ["CAP_KILL"],
      };
    });
    expect(all(made, "init", "bounding")[0]?.args).toEqual({ keep: 1n | (1n << 21n), last: 40 });
    expect(all(made, "init", "capset")[0]?.args).toEqual({
      effective: 1n,
      permitted: 1n << 21n,
      inheritable: 1n << 40n,
    });
    expect(all(made, "init", "ambient")[0]?.args["raise"]).toBe(1n << 5n);
  });

  test("without capabilities all are dropped", () => {
    const made = plan((config) => delete config.process.capabilities);
    expect(all(made, "init", "capset")[0]?.args).toEqual({ effective: 0n, permitted: 0n, inheritable: 0n });
  });

  test("the filter is loaded last of all, with CAP_SYS_ADMIN only where no_new_privs does not stand for it", () => {
    const sysAdmin = 1n << 21n;
    for (const noNewPrivileges of [true, false]) {
      const made = plan((config) => (config.process.noNewPrivileges = noNewPrivileges), {
        filter: { filter: new Uint8Array(8), flags: 0, usesNotify: false },
      });
      const filter = place(made.init, "seccomp");
      expect(filter).toBeGreaterThan(place(made.init, "find_exec"));
      const sets = all(made, "init", "capset").map(({ args }) => args["effective"] as bigint);
      expect(sets.map((effective) => (effective & sysAdmin) !== 0n)).toEqual(
        noNewPrivileges ? [false] : [false, true, false],
      );
      expect(made.init[filter + 1]?.name).toBe(noNewPrivileges ? "wait_start" : "capset");
      expect(names(made, "parent")).toContain("wait_filter");
    }
  });

  test("limits are set by the parent where init has no rights over the host", () => {
    const limit = { type: "RLIMIT_NOFILE" as const, soft: 10, hard: 2n ** 64n - 1n };
    const own = plan((config) => (config.process.rlimits = [limit]));
    expect(all(own, "init", "setrlimit")[0]?.args).toEqual({ resource: 7, soft: 10n, hard: -1n, child: 0 });
    const mapped = plan((config) => {
      config.process.rlimits = [limit];
      linux(config).namespaces?.push({ type: "user" });
      linux(config).uidMappings = linux(config).gidMappings = [{ containerID: 0, hostID: 1000, size: 10 }];
    });
    expect(all(mapped, "parent", "setrlimit")[0]?.args["child"]).toBe(1);
  });

  test("the last of each environment name counts, and HOME comes from the container's passwd when it has none", () => {
    const made = plan((config) => (config.process.env = ["A=1", "B=2", "A=3", "PATH=/bin"]));
    expect(all(made, "init", "exec")[0]?.args["env"]).toEqual(["B=2", "A=3", "PATH=/bin"]);
    expect(names(made, "init")).toContain("home");
    expect(
      names(
        plan((config) => (config.process.env = ["HOME=/x"])),
        "init",
      ),
    ).not.toContain("home");
  });

  test("sysctls are written through the host's procfs, never by a path of the container", () => {
    const made = plan((config) => (linux(config).sysctl = { "net.ipv4.ip_forward": "1" }));
    const [write] = all(made, "init", "write").filter(({ why }) => why.startsWith("linux.sysctl"));
    expect(write?.args).toMatchObject({ dir: slot.proc, path: "sys/net/ipv4/ip_forward", data: "1" });
    expect(Number(write?.args["resolve"]) & RESOLVE.BENEATH).toBe(RESOLVE.BENEATH);
  });

  test.each([
    ["apparmorProfile", "AppArmor"],
    ["selinuxLabel", "SELinux"],
  ] as const)("process.%s without %s on the host is an error naming both", (field, name) => {
    const make = () => plan((config) => (config.process[field] = "x"));
    expect(make).toThrow(`cannot use process.${field} "x": ${name} is not enabled on the host`);
  });

  test("what a hook reads has the state, with the place of the process id", () => {
    const made = plan((config) => {
      config.annotations = { a: "b" };
      config.hooks = {
        prestart: [{ path: "/h", args: ["h", "x"], env: ["E=1"], timeout: 2 }],
        startContainer: [{ path: "/s" }],
      };
    });
    const [prestart] = all(made, "parent", "hook");
    expect(prestart?.args).toMatchObject({
      path: "/h",
      argv: ["h", "x"],
      env: ["E=1"],
      timeout: 2000,
      self: 0,
    });
    expect(JSON.parse(String(prestart?.args["state"]).replace("\x01", "77"))).toEqual({
      ociVersion: "1.3.0",
      id: "c1",
      status: "creating",
      pid: 77,
      bundle: "/bundle",
      annotations: { a: "b" },
    });
    expect(place(made.init, "hook", { path: "/s" })).toBeGreaterThan(place(made.init, "wait_start"));
  });
});

describe("before the process is made", () => {
  test("the launcher waits until systemd has moved it, first of all", () => {
    const cgroup = { join: [], chown: [], dirs: {}, warnings: [], create: [mkdir] };
    const made = plan(undefined, { scopeGate: 9, cgroup });
    expect(names(made, "parent").slice(0, 4)).toEqual(["adopt", "receive", "close", "mkdir"]);
    expect(made.parent[0]?.args["fd"]).toBe(9);
  });

  test("its cgroup is given to the user that manages it, when it has its limits", () => {
    const cgroup = {
      join: [],
      dirs: {},
      warnings: [],
      create: [mkdir],
      chown: ["/c", "/c/procs"],
      ownerUid: 7,
    };
    const { parent } = plan(undefined, { cgroup });
    expect(parent.slice(0, 3).map(({ name, args }) => [name, args["path"], args["uid"]])).toEqual([
      ["mkdir", "/c", undefined],
      ["chown", "/c", 7],
      ["chown", "/c/procs", 7],
    ]);
  });
});

const mkdir: Operation = { name: "mkdir", args: { path: "/c" }, why: "linux.cgroupsPath" };

describe("linux.intelRdt", () => {
  const rdt = { dir: "/r/c", make: true, named: true, schemata: [{ lines: ["L3:0=f", "MB:0=9"], why: "x" }] };

  test("makes the class, limits it, and moves the process there before it goes on", () => {
    const { parent } = plan(undefined, { rdt: { ...rdt, monitor: { dir: "/r/c/mon_groups/c1", why: "m" } } });
    const first = place(parent, "mkdir", { path: "/r/c" });
    expect(parent.slice(first, first + 5).map(({ name, args }) => [name, args["path"]])).toEqual([
      ["mkdir", "/r/c"],
      ["write", "/r/c/schemata"],
      ["write_pid", "/r/c/tasks"],
      ["mkdir", "/r/c/mon_groups/c1"],
      ["write_pid", "/r/c/mon_groups/c1/tasks"],
    ]);
    expect(parent[first + 1]?.args["data"]).toBe("L3:0=f\nMB:0=9\n");
    expect(first).toBeGreaterThan(place(parent, "clone"));
    expect(first).toBeLessThan(place(parent, "send"));
  });

  test("makes no class that is there, and writes no schemata that was not asked for", () => {
    const { parent } = plan(undefined, { rdt: { ...rdt, make: false, schemata: [] } });
    const paths = parent.map(({ args }) => String(args["path"])).filter((path) => path.startsWith("/r/"));
    expect(paths).toEqual(["/r/c/tasks"]);
  });
});
