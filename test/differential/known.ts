/**
 * Where ours is meant to differ from Debian's runc 1.1.5: each with its reason. `settle` makes the two alike in just that respect, so that
 * anything else in the same field still shows.
 */
import type { Case } from "./case.ts";

export interface Pair {
  readonly ours: Record<string, string[]>;
  readonly runc: Record<string, string[]>;
}

export interface KnownDifference {
  readonly name: string;
  readonly reason: string;
  readonly when: (tried: Case, pair: Pair) => boolean;
  readonly settle: (pair: Pair, tried: Case) => void;
}

function fieldsOf(side: Record<string, string[]>, field: RegExp): string[] {
  return Object.keys(side).filter((name) => field.test(name));
}

function inUserNamespace({ config }: Pick<Case, "config">): boolean {
  return config.linux?.namespaces?.some(({ type }) => type === "user") === true;
}

/** Rewrites the lines of the fields that are meant, on both sides. */
function rewrite({ ours, runc }: Pair, field: RegExp, line: (text: string) => string): void {
  for (const side of [ours, runc])
    for (const name of Object.keys(side).filter((each) => field.test(each)))
      side[name] = (side[name] ?? []).map(line);
}

/** What is mounted below a bind of the shared root itself lies hidden below it too: of a place only the last line counts, and of masks none. */
function onlyTopmost({ ours, runc }: Pair): void {
  const placeOf = (line: string | undefined): string => line?.split(" ")[0] ?? "";
  for (const side of [ours, runc])
    for (const name of fieldsOf(side, /mountinfo$/))
      side[name] = (side[name] ?? []).filter(
        (line, at, lines) => placeOf(lines[at + 1]) !== placeOf(line) && !line.includes(" /null "),
      );
}

function sort({ ours, runc }: Pair, field: RegExp): void {
  for (const side of [ours, runc])
    for (const name of Object.keys(side).filter((each) => field.test(each)))
      side[name] = (side[name] ?? []).toSorted();
}

/** SigIgn without the two signals that a C library keeps for itself: 32 and 33, the bits 31 and 32. */
function withoutReservedSignals(text: string): string {
  const mask = /^SigIgn:\t([0-9a-f]{16})$/.exec(text)?.[1];
  if (mask === undefined) return text;
  return `SigIgn:\t${(BigInt(`0x${mask}`) & ~0x180000000n).toString(16).padStart(16, "0")}`;
}

export const knownDifferences: readonly KnownDifference[] = [
  {
    name: "signals 32 and 33",
    reason:
      "runc leaves them as its caller had them, so a caller that ignores one hands that on; the launcher gives every signal its default",
    when: () => true,
    settle: (pair) => rewrite(pair, /\/proc\/self\/status$/, withoutReservedSignals),
  },
  {
    name: "the version in the state",
    reason:
      "runc reports the version of the specification that it was built with; ours the version that config.json asks for, as runc 1.2 does",
    when: () => true,
    settle: (pair) =>
      rewrite(pair, /^state |^hook /, (text) => text.replace(/"ociVersion": ?"[^"]*"/, '"ociVersion"')),
  },
  {
    name: "order of the environment",
    reason:
      "runc 1.1 keeps the place of a variable that is there twice or is an empty HOME; ours keeps the last one's, as runc 1.3 does",
    when: () => true,
    settle: (pair) => sort(pair, /environment$/),
  },
  {
    name: "poststart",
    reason:
      "runc 1.1 runs poststart hooks when the container is created, in create's folder; ours when it has been started, as the specification wants and runc 1.2 does",
    when: ({ config }) => config.hooks?.poststart !== undefined,
    settle: (pair) => {
      const { ours, runc } = pair;
      for (const field of fieldsOf(runc, /^hook poststart/))
        if (ours[field] === undefined) delete runc[field];
      rewrite(pair, /^hook poststart/, (line) =>
        line.replace('"status":"created"', '"status":"running"').replace(/^(cwd|env PWD=).*/, "$1"),
      );
    },
  },
  {
    name: "descriptors of createContainer hooks",
    reason:
      "runc's hooks in the container's namespaces inherit descriptors of runc init; ours have none but their own",
    when: ({ config }) =>
      config.hooks?.createContainer !== undefined || config.hooks?.startContainer !== undefined,
    settle: ({ runc }) => {
      for (const field of Object.keys(runc).filter((name) => /^hook (createC|startC)ontainer/.test(name)))
        runc[field] = (runc[field] ?? []).filter((line) => !/^\/proc\/self\/fd\/([4-9]|\d\d)$/.test(line));
    },
  },
  {
    name: "owner of the message queues",
    reason:
      "runc 1.1 makes the IPC namespace of a user namespace before it has taken the group 0 of that, so /dev/mqueue belongs to ids that are not mapped; ours after",
    when: inUserNamespace,
    settle: (pair, { config }) => {
      const places = (config.mounts ?? [])
        .filter(({ type }) => type === "mqueue")
        .map(({ destination }) => destination);
      for (const place of places) {
        rewrite(pair, /^(exec )?(\/|\/dev|touch \/dev)$/, (line) =>
          line.replace(/^\/+/, "/").startsWith(`${place} `) ? line.replace(/ \d+:\d+/, "") : line,
        );
        rewrite(pair, new RegExp(`touch ${place}$`), (line) => line.replace(/^(self \d+) \d+:\d+/, "$1"));
      }
    },
  },
  {
    name: "what a container that was not made leaves",
    reason:
      "which mount points are made and which hooks run before a failure depends on the order of the work",
    when: (_, pair) =>
      [pair.ours, pair.runc].every((side) => (side["run: exit"] ?? side["create: exit"])?.[0] === "1"),
    settle: ({ ours, runc }) => {
      if (ours["descriptors"] !== undefined || runc["descriptors"] !== undefined) return;
      for (const side of [ours, runc])
        for (const field of fieldsOf(side, /^(root file system|source)$|^hook /)) delete side[field];
    },
  },
  {
    name: "files to bind devices to",
    reason:
      "in a user namespace devices are bound; runc gives the files that it makes for that their devices' mode, ours that of all mount points",
    when: inUserNamespace,
    settle: (pair) =>
      rewrite(pair, /^root file system$/, (line) => line.replace(/^(\/(?:dev|data)\/\S+) 100\d+/, "$1")),
  },
  {
    name: "flags of a bind mount that are only cleared",
    reason:
      "runc 1.1 leaves the source's flags as they are when no word sets one; ours clears what is named (`suid`, `dev`, `exec`), as runc 1.2 does",
    when: ({ config }) => config.mounts?.some(({ source }) => source?.startsWith("$TREE") === true) === true,
    settle: (pair) => {
      rewrite(pair, /mountinfo$/, (line) =>
        / - tmpfs tree\//.test(line) ? line.replace(",nosuid", "") : line,
      );
      rewrite(pair, /touch /, (line) =>
        line.replace(/^(fs 1021994 flags \w+)[0-9a-f]$/, (_, head: string) => head),
      );
    },
  },
  {
    name: "the tmpfs of cgroup mounts",
    reason:
      "runc 1.1 does not apply `ro` to the tmpfs that holds the hierarchies; ours does, as runc 1.2. runc 1.1 gives it the mode of the folder that it covers, ours the mode that it asks for",
    when: ({ config }) => config.mounts?.some(({ type }) => type === "cgroup") === true,
    settle: (pair, { config }) => {
      const places = (config.mounts ?? [])
        .filter(({ type }) => type === "cgroup")
        .map(({ destination }) => destination);
      for (const place of places) {
        rewrite(pair, /mountinfo$/, (line) =>
          line.startsWith(`${place} on `) ? line.replace(/ ro,/, " rw,") : line,
        );
        for (const side of [pair.ours, pair.runc])
          if (side[`touch ${place}`])
            side[`touch ${place}`] = (side[`touch ${place}`] ?? []).filter(
              (line) => !/^(self|fs|create) /.test(line),
            );
      }
    },
  },
  {
    name: "propagation of the root",
    reason:
      "runc 1.1 makes the copy of the host's mounts shared or unbindable, and then a root that is neither; ours says it of the root, as runc does since it fixed this",
    when: ({ config }) => /shared|unbindable/.test(config.linux?.rootfsPropagation ?? ""),
    settle: (pair) => {
      rewrite(pair, /mountinfo$/, (line) => line.replace(/ (shared:#\d+|master:#\d+|unbindable)/g, ""));
      onlyTopmost(pair);
    },
  },
  {
    name: "a mount without a source",
    reason:
      "runc 1.1 leaves the name of such a file system empty, which mountinfo cannot show as a word; ours says the type",
    when: () => true,
    settle: (pair) => rewrite(pair, /mountinfo$/, (line) => line.replace(/ - (\w+)  /, " - $1 $1 ")),
  },
  {
    name: "a further process beside a new user namespace",
    reason:
      "runc 1.1 cannot join by exec what the container joined before it made its user namespace; ours enters all at once, by the descriptor of its init",
    when: ({ way, config }, { runc }) =>
      way.kind === "exec" &&
      runc["exec: exit"]?.[0] === "255" &&
      inUserNamespace({ config }) &&
      config.linux?.namespaces?.some(({ path }) => path !== undefined && path !== "") === true,
    settle: ({ ours, runc }) => {
      for (const side of [ours, runc]) for (const field of fieldsOf(side, /^exec/)) delete side[field];
    },
  },
  {
    name: "open files of a further process",
    reason:
      "Go 1.19 raises the soft limit when runc's exec begins, and runc 1.1 does not put it back (runc issue 4195)",
    when: ({ way }) =>
      way.kind === "exec" && way.process.rlimits?.some(({ type }) => type === "RLIMIT_NOFILE") === true,
    settle: (pair) => {
      rewrite(pair, /^exec limits$/, (line) => line.replace(/^7 \w+ \w+/, "7"));
      rewrite(pair, /^exec \/proc\/self\/limits$/, (line) => line.replace(/^(Max open files).*/, "$1"));
    },
  },
  {
    name: "poststop hooks after one that failed",
    reason: "runtime.md, Lifecycle 13: the remaining hooks run; runc 1.1 stops at the first that fails",
    when: ({ config }) => (config.hooks?.poststop?.length ?? 0) > 1,
    settle: ({ ours, runc }) => {
      for (const field of fieldsOf(ours, /^hook poststop [1-9]/))
        if (runc[field] === undefined) delete ours[field];
    },
  },
  {
    name: "umask and score of a further process",
    reason:
      "runc 1.1 gives a process of exec its own umask and the container's oom_score_adj, whatever is asked for; ours what the process asks for, and else what the container has",
    when: ({ way }) => way.kind === "exec",
    settle: (pair) => {
      rewrite(pair, /^exec (ids|\/proc\/self\/status)$/, (line) =>
        line.replace(/^(umask|Umask:)\s+\d+/, "$1"),
      );
      rewrite(pair, /^exec \/proc\/self\/oom_score_adj$/, () => "a score");
    },
  },
  {
    name: "pipes in the foreground",
    reason:
      "runc copies the streams of a foreground container through pipes of its own; ours hands on the caller's, which are quicker and lose nothing",
    when: ({ way }) => way.kind !== "life",
    settle: (pair) => rewrite(pair, /descriptors$/, (text) => text.replace(/^([012]) .*/, "$1")),
  },
];

/** What one of the two makes and the other refuses: then there is nothing to compare. */
export interface KnownRefusal {
  readonly by: "runc" | "ours";
  readonly reason: string;
  /** The message of the one that refuses. */
  readonly said: RegExp;
}

export const knownRefusals: readonly KnownRefusal[] = [
  {
    by: "ours",
    reason:
      "what lies on a procfs, wherever that is mounted, could show the container files that it takes for the kernel's; runc looks at the path /proc only",
    said: /nothing may be mounted inside \/proc/,
  },
  {
    by: "runc",
    reason: "in a user namespace runc opens what lies where a device is bound to; ours never opens it",
    said: /error creating device nodes: open \S+: (permission denied|no such device or address)/,
  },
  {
    by: "runc",
    reason:
      "mount(2) refuses a second mqueue of a namespace with other flags; ours makes a mount of the one that is there",
    said: /error mounting .+mqueue.+device or resource busy/,
  },
  {
    by: "runc",
    reason:
      "runc makes the working directory with mkdir(2) alone, which a link that leads nowhere stops; ours makes what the link names, in the root",
    said: /container init: mkdir \S+: file exists/,
  },
  {
    by: "runc",
    reason: "config-linux.md, Allowed Device list: `access` is optional; runc wants it",
    said: /device access at \d+ field cannot be empty/,
  },
  {
    by: "runc",
    reason:
      "runc ends when it cannot open the container's /dev/null in place of the host's; ours then keeps the host's",
    said: /error reopening \/dev\/null inside container/,
  },
  {
    by: "runc",
    reason:
      "runc 1.1 clears flags of a bind mount that are locked in a user namespace; ours keeps them, as runc 1.2 does",
    said: /error mounting \\?"\/\S+ to rootfs at \S+ (mount .*)?operation not permitted/,
  },
  {
    by: "ours",
    reason:
      "config-linux.md, Devices: a file that is there and does not match the device is an error; runc takes it as it is",
    said: /cannot make device .+ for (linux.devices\[\d+\]|default devices): file exists/,
  },
  {
    by: "runc",
    reason:
      "runc works through the container's own /proc; ours through the host's, so a container may be without",
    said: /open \/proc\/self\/fd: no such file/,
  },
  {
    by: "runc",
    reason:
      "runc 1.1 binds from within the user namespace, where a mount whose children are locked cannot be bound alone; ours opens it outside, as runc 1.2 does",
    said: /mount \/proc\/self\/fd\/\d+:\S+ \(via \S+\), flags: 0x[\da-f]+: invalid argument/,
  },
  {
    by: "ours",
    reason:
      "a /dev/null that is another device hides nothing, so ours refuses to mask with it, as runc does since CVE-2025-31133",
    said: /cannot mask .+ for linux.maskedPaths\[\d+\]: no such device/,
  },
  {
    by: "runc",
    reason: "as above, so a parameter can be set where the container's /proc is read-only or not there",
    said: /open \/proc\/sys\/\S+: (read-only|no such) file/,
  },
];
