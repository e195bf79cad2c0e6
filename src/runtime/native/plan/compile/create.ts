/**
 * compile(spec, host) → Plan, for a container's init. Pure. Three processes: the parent (the launcher as it was started: control groups, id maps,
 * hooks of the host), a middle one where a namespace can only be entered by a child (user, pid and time namespaces), and init itself.
 *
 * They meet over one pair of sockets: parent → init `g` (you are mapped and in your control groups), init → parent `h` (mounts are made) and
 * parent → init `c` (the host's hooks have run), init → parent `l` and back `L` (limits, in a user namespace), init → parent `r` (ready).
 */
import { SampanError } from "../../../../base/errors.ts";
import { errno } from "../../../../kernel/errno.ts";
import { CLONE, O, PR, PROC_SUPER_MAGIC } from "../../../../kernel/linux.ts";
import { addressIndexAt, linkIndexAt, linkUp, moveFdAt, moveLink } from "../../../../kernel/netlink.ts";
import type { OciIdMapping } from "../../../../spec/oci/config.ts";
import type { NamespaceType } from "../../../../spec/oci/values.ts";
import type { CompiledSeccomp } from "../../seccomp/compile.ts";
import { op, slot, type Operation, type Plan } from "../operations.ts";
import {
  Builder,
  hookState,
  namespacesOf,
  scopeGo,
  stage,
  type CreateOptions,
  type Namespaces,
} from "./context.ts";
import { openSockets, useTerminal } from "./devices.ts";
import { writeOomScore } from "./_oom-score.ts";
import { joinCgroups } from "./_cgroup-join.ts";
import {
  compileCredentials,
  compileFilter,
  compileCwd,
  compileLabels,
  compileLimits,
  compileProgram,
  compileScheduling,
  type ProcessContext,
} from "./process.ts";
import { addHook, base, byte, hooksOf, type Create } from "./_create-shared.ts";
import { rootFileSystem } from "./_root.ts";

const cloneFlag: Readonly<Record<NamespaceType, number>> = {
  user: CLONE.NEWUSER,
  pid: CLONE.NEWPID,
  mount: CLONE.NEWNS,
  ipc: CLONE.NEWIPC,
  uts: CLONE.NEWUTS,
  network: CLONE.NEWNET,
  cgroup: CLONE.NEWCGROUP,
  time: CLONE.NEWTIME,
};

/** The plan that creates a container up to the point where it waits for `start`. Errors name the field of config.json. */
export function compileCreate(options: CreateOptions): Plan {
  const builder = new Builder();
  const namespaces = namespacesOf(options.config);
  const { fresh, joined } = namespaces;
  const middle =
    fresh.has("time") ||
    joinsFirst(namespaces) ||
    (["user", "pid", "time"] as const).some((type) => joined.has(type));
  const userns = fresh.has("user") || joined.has("user");
  const mounts = { builder, options, userns, cgroupns: fresh.has("cgroup") || joined.has("cgroup") };
  const setgroupsDenied =
    options.rootless &&
    fresh.has("user") &&
    isOwnId(options.config.linux?.gidMappings ?? [], options.host.egid);
  if (options.scopeGate !== undefined) waitForScope(builder, options.scopeGate);
  builder.parent.push(...options.cgroup.create, ...(options.cgroup.bpf ?? []));
  giveAway(builder, options);
  const entered = joinCgroups(builder, options.cgroup.join, options.host);
  const birth = options.cgroup.unified === undefined ? entered : { cgroup: slot.cgroup };
  const create = { options, builder, namespaces, middle, userns, setgroupsDenied, mounts, birth };
  parentBefore(create);
  if (middle) middleStage(create);
  initBefore(create);
  rootFileSystem(create);
  const filter = processOf(create);
  parentAfter(create, filter);
  return { parent: builder.parent, middle: builder.middle, init: builder.init };
}

/** Namespaces of the host can be joined only with rights over the host: before a user namespace is made (setns(2)). */
function joinsFirst({ fresh, joined }: Namespaces): boolean {
  return fresh.has("user") && joined.size > 0;
}

/** config-linux.md, "Cgroup ownership": what a container that manages its own cgroup may write. */
function giveAway({ parent }: Builder, { cgroup: { chown, ownerUid = -1 } }: CreateOptions): void {
  for (const path of chown)
    parent.push(op("chown", { path, uid: ownerUid }, "linux.cgroupsPath", { errnos: [errno.ENOENT] }));
}

/** First of all, so that nothing is done before this process is in the scope, and everything that it clones begins there. */
function waitForScope(builder: Builder, fd: number): void {
  const why = "--systemd-cgroup";
  const gate = builder.slot();
  builder.add(builder.parent, "adopt", { fd, out: gate }, why);
  builder.add(builder.parent, "receive", { slot: gate, byte: scopeGo }, why);
  builder.add(builder.parent, "close", { slot: gate }, why);
}

function parentBefore({ options, builder, namespaces }: Create): void {
  const list = builder.parent;
  if (!options.rootless) builder.add(list, "prctl", { option: PR.SET_DUMPABLE, a: 0 }, base);
  for (let fd = 3; fd < 3 + options.preserveFds; fd++)
    builder.add(list, "check_fd", { fd }, "--preserve-fds");
  if (options.hookOutput !== undefined)
    builder.add(list, "adopt", { fd: options.hookOutput, out: slot.hookOutput }, "hooks");
  builder.add(list, "open", { path: "/proc", flags: O.PATH | O.DIRECTORY, out: slot.proc }, base);
  builder.add(list, "check_fs", { slot: slot.proc, magic: PROC_SUPER_MAGIC }, base);
  builder.add(list, "open", { path: `${options.stateDir}/exec.fifo`, flags: O.RDWR, out: slot.fifo }, base);
  openSockets(builder, options);
  openJoined(builder, namespaces);
  builder.add(list, "socketpair", { a: slot.parentEnd, b: slot.childEnd }, base);
}

/** Slots for the namespaces that are joined: handed out in the order of the types, opened by the parent as paths of the host. */
function openJoined(builder: Builder, namespaces: Namespaces): void {
  for (const [type, path] of namespaces.joined) {
    const out = builder.slot();
    builder.add(builder.parent, "open", { path, flags: O.RDONLY, out }, `linux.namespaces (${type})`);
    const early = type === "user" || type === "pid" || type === "time" || joinsFirst(namespaces);
    const list = early ? builder.middle : builder.init;
    list.push({
      name: "setns",
      args: { slot: out, type: cloneFlag[type] },
      why: `linux.namespaces (${type})`,
    });
  }
}

/** The flags that init is cloned with: the cgroup namespace follows when it is in its cgroups, the time namespace is the middle's. */
function initFlags(create: Create): number {
  const { namespaces, middle } = create;
  let flags: number = CLONE.PARENT;
  for (const type of namespaces.fresh) {
    if (type === "cgroup" || type === "time" || (middle && type === "user")) continue;
    if (type === "ipc" && lateIpc(create)) continue;
    flags |= cloneFlag[type];
  }
  return flags;
}

/**
 * The root of an IPC namespace's mqueue belongs to who makes the namespace: in a new user namespace that has to be its root, which init is
 * only when its ids are mapped.
 */
function lateIpc({ namespaces, middle }: Create): boolean {
  return namespaces.fresh.has("ipc") && namespaces.fresh.has("user") && !middle;
}

function cloneInit(create: Create, list: Operation[]): void {
  const { builder, namespaces } = create;
  const birth = create.middle && create.userns ? {} : create.birth;
  const why =
    namespaces.fresh.size === 0 ? "process" : `linux.namespaces (${[...namespaces.fresh].join(", ")})`;
  builder.add(list, "clone", { flags: initFlags(create), stage: stage.init, ...birth }, why);
}

function middleStage(create: Create): void {
  const { builder, namespaces } = create;
  const joins = builder.middle.splice(0);
  const { fresh, joined } = namespaces;
  const list = builder.middle;
  builder.add(list, "close", { slot: slot.parentEnd }, base);
  // The mount namespace last: what is named by a path is found before.
  const order = ["user", "pid", "time", "network", "ipc", "uts", "cgroup", "mount"];
  const rank = (operation: Operation): number =>
    order.findIndex((type) => operation.why.endsWith(`(${type})`));
  list.push(...joins.toSorted((a, b) => rank(a) - rank(b)));
  if (joinsFirst(namespaces)) {
    builder.add(list, "unshare", { flags: CLONE.NEWUSER }, "linux.namespaces (user)");
    builder.add(list, "send", { slot: slot.childEnd, byte: byte.unshared }, base);
  }
  if (fresh.has("user")) {
    builder.add(list, "receive", { slot: slot.childEnd, byte: byte.mapped }, base);
    becomeRoot(create, list);
  }
  if (joined.has("user")) {
    const own = joins.find((operation) => operation.why.endsWith("(user)"));
    if (own) becomeRoot(create, list);
  }
  if (fresh.has("time")) {
    builder.add(list, "unshare", { flags: CLONE.NEWTIME }, "linux.namespaces (time)");
    if (shiftedByParent(create)) {
      builder.add(list, "send", { slot: slot.childEnd, byte: byte.offsets }, base);
      builder.add(list, "receive", { slot: slot.childEnd, byte: byte.shifted }, base);
    } else {
      timeOffsets(create, list, { dir: slot.proc, path: "self/timens_offsets" });
    }
  }
  cloneInit(create, list);
  builder.add(list, "send", { slot: slot.childEnd, byte: byte.kin }, base);
}

/** Whoever became root in a user namespace may not write to its own /proc/PID: the parent does it then. */
function shiftedByParent({ namespaces, userns, options }: Create): boolean {
  return namespaces.fresh.has("time") && userns && !options.rootless;
}

/** time_namespaces(7): before anybody is in the namespace. */
function timeOffsets(
  { builder, options }: Create,
  list: Operation[],
  file: { dir: number; path: string },
): void {
  for (const [clock, offset] of Object.entries(options.config.linux?.timeOffsets ?? {})) {
    const data = `${clock} ${offset.secs ?? 0} ${offset.nanosecs ?? 0}\n`;
    builder.add(list, "write", { ...file, data }, `linux.timeOffsets.${clock}`);
  }
}

function becomeRoot({ builder, setgroupsDenied }: Create, list: Operation[]): void {
  const why = "linux.uidMappings";
  if (!setgroupsDenied)
    builder.add(list, "setgroups", { gids: new Uint8Array() }, why, { errnos: [errno.EPERM] });
  builder.add(list, "setgid", { id: 0 }, "linux.gidMappings");
  builder.add(list, "setuid", { id: 0 }, why);
}

/** The parent from the clone on: everything that wants the rights and the view of the host. */
function parentAfter(create: Create, filter: CompiledSeccomp | undefined): void {
  const { builder, middle, namespaces } = create;
  const list = builder.parent;
  const limits: Operation[] = [];
  for (const operation of list) if (operation.name === "setrlimit") limits.push(operation);
  for (const operation of limits) list.splice(list.indexOf(operation), 1);
  const fresh = namespaces.fresh.has("user");
  if (middle) {
    const late = joinsFirst(namespaces);
    const flags = CLONE.PARENT | (fresh && !late ? CLONE.NEWUSER : 0);
    // In a user namespace the middle process may not put init into a cgroup of the host's any more: it is born there itself.
    const birth = create.userns ? create.birth : {};
    builder.add(list, "clone", { flags, stage: stage.middle, ...birth }, "linux.namespaces");
    builder.add(list, "close", { slot: slot.childEnd }, base);
    if (late) builder.add(list, "receive", { slot: slot.parentEnd, byte: byte.unshared }, base);
    if (fresh) {
      idMaps(create, 1);
      builder.add(list, "send", { slot: slot.parentEnd, byte: byte.mapped }, base);
    }
    if (shiftedByParent(create)) {
      builder.add(list, "receive", { slot: slot.parentEnd, byte: byte.offsets }, base);
      builder.add(list, "child_proc", { proc: slot.proc, out: slot.oldRoot, middle: 1 }, base);
      timeOffsets(create, list, { dir: slot.oldRoot, path: "timens_offsets" });
      builder.add(list, "send", { slot: slot.parentEnd, byte: byte.shifted }, base);
    }
    builder.add(list, "receive", { slot: slot.parentEnd, byte: byte.kin }, base);
  } else {
    cloneInit(create, list);
    builder.add(list, "close", { slot: slot.childEnd }, base);
  }
  builder.add(list, "child_proc", { proc: slot.proc, out: slot.childProc }, base);
  if (fresh && !middle) idMaps(create, 0);
  oomScore(create);
  intelRdt(create);
  moveDevices(create);
  builder.add(list, "send", { slot: slot.parentEnd, byte: byte.go }, base);
  if (hooksOf(create, "prestart", "createRuntime").length > 0) {
    builder.add(list, "receive", { slot: slot.parentEnd, byte: byte.hooks }, base);
    for (const { hook, why } of hooksOf(create, "prestart", "createRuntime"))
      addHook(create, list, { hook, why, status: "creating", self: 0 });
    builder.add(list, "send", { slot: slot.parentEnd, byte: byte.resume }, base);
  }
  if (limits.length > 0) {
    builder.add(list, "receive", { slot: slot.parentEnd, byte: byte.limits }, base);
    list.push(...limits);
    builder.add(list, "send", { slot: slot.parentEnd, byte: byte.limited }, base);
  }
  builder.add(list, "receive", { slot: slot.parentEnd, byte: byte.ready }, base);
  if (filter) notifyParent(create, filter.usesNotify);
}

function notifyParent({ builder, options }: Create, usesNotify: boolean): void {
  const list = builder.parent;
  const { seccomp } = options.config.linux ?? {};
  builder.add(
    list,
    "wait_filter",
    { end: slot.parentEnd, ...(usesNotify && { out: slot.notify }) },
    "linux.seccomp",
  );
  if (!usesNotify || !seccomp?.listenerPath) return;
  const { config } = options;
  const head = JSON.stringify({ ociVersion: config.ociVersion, fds: ["seccompFd"] }).slice(0, -1);
  const metadata =
    seccomp.listenerMetadata === undefined ? "" : `"metadata":${JSON.stringify(seccomp.listenerMetadata)},`;
  const data = `${head},"pid":\x01,${metadata}"state":${hookState(options, "creating")}}`;
  builder.add(
    list,
    "send_fd",
    { socket: slot.listener, slot: slot.notify, data },
    "linux.seccomp.listenerPath",
  );
  builder.add(list, "close", { slot: slot.listener }, "linux.seccomp.listenerPath");
}

function mapText(mappings: readonly OciIdMapping[]): string {
  return mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join("");
}

/** The map that an ordinary user may write, once setgroups(2) is denied for the gids' sake. */
function isOwnId(mappings: readonly OciIdMapping[], id: number): boolean {
  return mappings.length === 1 && mappings[0]?.size === 1 && mappings[0].hostID === id;
}

/** user_namespaces(7): root writes the maps; an ordinary user writes its own id, or has newuidmap write the ranges it was given. */
function idMaps(create: Create, middle: 0 | 1): void {
  const { builder, options } = create;
  const list = builder.parent;
  const { uidMappings = [], gidMappings = [] } = options.config.linux ?? {};
  const { host, rootless } = options;
  const dir = middle ? slot.oldRoot : slot.childProc;
  if (middle) builder.add(list, "child_proc", { proc: slot.proc, out: dir, middle: 1 }, base);
  for (const [kind, mappings, id, helper] of [
    ["gid", gidMappings, host.egid, host.newgidmap],
    ["uid", uidMappings, host.euid, host.newuidmap],
  ] as const) {
    const why = `linux.${kind}Mappings`;
    if (!rootless || isOwnId(mappings, id)) {
      if (rootless && kind === "gid")
        builder.add(list, "write", { dir, path: "setgroups", data: "deny" }, why, { errnos: [errno.ENOENT] });
      builder.add(list, "write", { dir, path: `${kind}_map`, data: mapText(mappings) }, why);
      continue;
    }
    if (helper === undefined) {
      throw new SampanError(
        "permission_denied",
        `cannot use ${why}: more than the caller's own id wants the program new${kind}map, which is not installed`,
      );
    }
    const ids = mappings.flatMap(({ containerID, hostID, size }) => [containerID, hostID, size].map(String));
    builder.add(
      list,
      "run",
      {
        path: helper,
        argv: [helper, "\x01", ...ids],
        env: [],
        ...(options.hookOutput !== undefined && { output: slot.hookOutput }),
      },
      why,
    );
  }
}

function oomScore({ builder, options }: Create): void {
  const score = options.config.process.oomScoreAdj;
  if (score !== undefined) writeOomScore(builder, score, options.oomScoreAdjClamp);
}

/** Resource control (resctrl): the class of service with the process in it, then its monitoring group, which takes only processes of the class. */
function intelRdt({ builder, options: { rdt } }: Create): void {
  if (!rdt) return;
  const list = builder.parent;
  const why = "linux.intelRdt";
  const there = rdt.named ? undefined : { errnos: [errno.EEXIST] };
  if (rdt.make) builder.add(list, "mkdir", { path: rdt.dir }, `${why}.closID`, there);
  for (const { lines, why: field } of rdt.schemata)
    builder.add(list, "write", { path: `${rdt.dir}/schemata`, data: `${lines.join("\n")}\n` }, field);
  builder.add(list, "write_pid", { path: `${rdt.dir}/tasks` }, why);
  if (!rdt.monitor) return;
  builder.add(list, "mkdir", { path: rdt.monitor.dir }, rdt.monitor.why);
  builder.add(list, "write_pid", { path: `${rdt.monitor.dir}/tasks` }, rdt.monitor.why);
}

/** config-linux.md, "Network Devices": each device moves with its addresses, under its new name. */
function moveDevices({ builder, options, namespaces }: Create): void {
  const devices = Object.entries(options.config.linux?.netDevices ?? {});
  if (devices.length === 0) return;
  const namespace = builder.slot();
  const list = builder.parent;
  // Init enters a namespace that is joined only after this.
  const joined = namespaces.joined.get("network");
  const at = joined === undefined ? { dir: slot.childProc, path: "ns/net" } : { path: joined };
  builder.add(list, "open", { ...at, flags: O.RDONLY, out: namespace }, "linux.netDevices");
  builder.add(list, "netlink_open", { protocol: 0, out: slot.netlink }, "linux.netDevices");
  for (const [name, device] of devices) {
    const facts = options.host.netDevices?.[name];
    const why = `linux.netDevices.${name}`;
    if (!facts)
      throw new SampanError("not_found", `cannot use ${why}: the host has no network device "${name}"`);
    builder.add(
      list,
      "netlink",
      {
        slot: slot.netlink,
        message: moveLink(facts.index, device.name || name),
        fdAt: moveFdAt,
        fd: namespace,
      },
      why,
    );
  }
  builder.add(list, "close", { slot: slot.netlink }, "linux.netDevices");
}

function initBefore(create: Create): void {
  const { builder, options, namespaces, middle, userns } = create;
  const list = builder.init;
  const joins = list.splice(0);
  const cgroups = joins.filter(({ name }) => name === "write");
  if (!middle) builder.add(list, "close", { slot: slot.parentEnd }, base);
  builder.add(list, "prctl", { option: PR.SET_PDEATHSIG, a: 9 }, base);
  builder.add(list, "reset_signals", {}, base);
  builder.add(list, "setsid", {}, base, { errnos: [errno.EPERM] });
  list.push(...cgroups);
  builder.add(list, "receive", { slot: slot.childEnd, byte: byte.go }, base);
  if (namespaces.fresh.has("user") && !middle) becomeRoot(create, list);
  if (lateIpc(create)) builder.add(list, "unshare", { flags: CLONE.NEWIPC }, "linux.namespaces (ipc)");
  if (userns && options.rootless) builder.add(list, "prctl", { option: PR.SET_DUMPABLE, a: 0 }, base);
  list.push(
    ...joins
      .filter(({ name }) => name !== "write")
      .toSorted((a, b) => Number(a.why.endsWith("(mount)")) - Number(b.why.endsWith("(mount)"))),
  );
  if (namespaces.fresh.has("cgroup"))
    builder.add(list, "unshare", { flags: CLONE.NEWCGROUP }, "linux.namespaces (cgroup)");
  if (!options.noNewKeyring) {
    builder.add(
      list,
      "keyring",
      { name: `_ses.${options.id}`, permissions: userns ? 0x8 : 0x80000 },
      "--no-new-keyring",
      {
        errnos: [errno.ENOSYS],
      },
    );
  }
  network(create);
}

function network({ builder, options, namespaces }: Create): void {
  const devices = Object.entries(options.config.linux?.netDevices ?? {});
  const loopback = namespaces.fresh.has("network");
  if (!loopback && devices.length === 0) return;
  const list = builder.init;
  const why = "linux.namespaces (network)";
  builder.add(list, "netlink_open", { protocol: 0, out: slot.netlink }, why);
  if (loopback) builder.add(list, "netlink", { slot: slot.netlink, message: linkUp(1) }, why);
  for (const [name, wanted] of devices) {
    const device = wanted.name || name;
    const field = `linux.netDevices.${name}`;
    for (const message of options.host.netDevices?.[name]?.addresses ?? []) {
      builder.add(list, "netlink", { slot: slot.netlink, message, device, indexAt: addressIndexAt }, field);
    }
    builder.add(
      list,
      "netlink",
      { slot: slot.netlink, message: linkUp(0), device, indexAt: linkIndexAt },
      field,
    );
  }
  builder.add(list, "close", { slot: slot.netlink }, why);
}

/** From the root on: what the process may, the filter, and the wait for `start`. */
function processOf(create: Create): CompiledSeccomp | undefined {
  const { builder, options, userns, setgroupsDenied } = create;
  const { config, host } = options;
  const process = config.process;
  if (!process) throw new SampanError("invalid_argument", "cannot use config.json: process is not there");
  const list = builder.init;
  const context: ProcessContext = {
    builder,
    process,
    config,
    host,
    userns,
    setgroupsDenied,
    preserveFds: options.preserveFds,
    environment: options.environment ?? [],
  };
  if (process.terminal) useTerminal(builder, "process.terminal");
  const { filter } = options;
  builder.add(list, "umask", { mask: process.user?.umask ?? 0o022 }, "process.user.umask");
  compileScheduling(context);
  compileLimits(context);
  if (userns && (process.rlimits ?? []).length > 0) {
    builder.add(list, "send", { slot: slot.childEnd, byte: byte.limits }, base);
    builder.add(list, "receive", { slot: slot.childEnd, byte: byte.limited }, base);
  }
  compileLabels(context);
  if (process.noNewPrivileges)
    builder.add(list, "prctl", { option: PR.SET_NO_NEW_PRIVS, a: 1 }, "process.noNewPrivileges");
  const privileged = filter !== undefined && !process.noNewPrivileges;
  builder.add(list, "prctl", { option: PR.SET_PDEATHSIG, a: 0 }, base);
  // Before any path of the container's choice is walked: the working directory and the program.
  const kept = {
    keep: slot.childEnd,
    keep2: slot.fifo,
    ...(options.hookOutput !== undefined && { keep3: slot.hookOutput }),
  };
  builder.add(list, "close_range", { first: 3 + options.preserveFds, ...kept }, "--preserve-fds");
  compileCwd(builder, process.cwd, false);
  const granted = compileCredentials(context, privileged);
  compileCwd(builder, process.cwd, true);
  const program = compileProgram(context);
  builder.add(list, "send", { slot: slot.childEnd, byte: byte.ready }, base);
  if (filter) compileFilter(builder, filter, privileged ? granted : undefined);
  builder.add(list, "wait_start", { slot: slot.fifo }, base);
  for (const { hook, why } of hooksOf(create, "startContainer"))
    addHook(create, list, { hook, why, status: "created", self: 1 });
  builder.add(list, "exec", program, "process.args");
  return filter;
}
