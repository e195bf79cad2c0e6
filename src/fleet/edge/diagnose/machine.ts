/** What an edge needs of its machine: disk, control groups, the kernel's parts. */
import { existsSync, readFileSync, statfsSync, statSync } from "node:fs";
import { release } from "node:os";
import { dirname, join } from "node:path";
import { bad, type Check, type Finding, ok, warn } from "./finding.ts";

const GiB = 2 ** 30;

/** Of the nearest folder that is there. */
function present(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : present(dirname(path));
}

export const disk: Check = async ({ root }) => {
  const { bavail, blocks, bsize, ffree, files } = statfsSync(present(root));
  const [free, share] = [bavail * bsize, blocks === 0 ? 1 : bavail / blocks];
  const says = `${(free / GiB).toFixed(1)} GiB free, ${Math.round(share * 100)} %`;
  const todo = "make room: sampan system df says what is where, sampan system prune removes what nobody uses";
  const findings: Finding[] = [
    free < GiB / 4 || share < 0.05
      ? bad("disk", says, todo)
      : share < 0.1
        ? warn("disk", `${says}: pods are evicted below 10 %`, todo)
        : ok("disk", says),
  ];
  if (files > 0 && ffree / files < 0.05) findings.push(bad("disk", "few inodes are left", todo));
  return findings;
};

export const store: Check = async ({ root }) => {
  const findings: Finding[] = [];
  for (const path of ["meta/edgecore.key", "keys/node.pem"].map((each) => join(root, each))) {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat && (stat.mode & 0o077) !== 0)
      findings.push(
        bad(
          "secrets",
          `${path} can be read by others`,
          `chmod 600 ${path}, then join again: it may be known`,
        ),
      );
  }
  return findings.length > 0 ? findings : [ok("secrets", "keys are this user's alone")];
};

/** The controllers that limits and eviction need. */
const controllers = ["cpu", "memory", "pids"];

export const cgroups: Check = async () => {
  const todo = "boot with systemd.unified_cgroup_hierarchy=1 cgroup_enable=memory";
  const mounts = textOf("/proc/self/mountinfo").split("\n");
  const has = (fields: string) => mounts.some((line) => line.includes(fields));
  const unified = mounts.find((line) => line.includes(" - cgroup2 "))?.split(" ")[4];
  const found = unified === undefined ? [] : textOf(`${unified}/cgroup.controllers`).trim().split(" ");
  const isThere = (name: string) => found.includes(name) || hasOld(mounts, name);
  const missing = controllers.filter((each) => !isThere(each));
  if (missing.length > 0) return [bad("cgroups", `without ${missing.join(", ")}`, todo)];
  return has(" - cgroup ")
    ? [ok("cgroups", `${controllers.join(", ")}, some in version 1`)]
    : [ok("cgroups", `version 2 with ${found.join(", ")}`)];
};

/** Of version 1: a mount for each controller, whose super options name it (proc_pid_mountinfo(5)). */
function hasOld(mounts: readonly string[], name: string): boolean {
  return mounts.some((line) => {
    const [, after = ""] = line.split(" - ");
    return after.startsWith("cgroup ") && (after.split(" ")[2] ?? "").split(",").includes(name);
  });
}

/** Named by what is looked for, which is there when it is built in, loaded, or can be loaded. */
const modules: readonly (readonly [name: string, why: string])[] = [
  ["overlay", "images' layers; without it they are copied"],
  ["nf_tables", "published ports and services"],
  ["bridge", "networks of pods"],
  ["veth", "networks of pods"],
];

export const kernel: Check = async () => {
  const version = release();
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isOld = major < 5 || (major === 5 && minor < 10);
  const findings: Finding[] = [
    isOld ? bad("kernel", version, "use Linux 5.10 or later") : ok("kernel", version),
  ];
  const missing = modules.filter(([name]) => !hasModule(name, version));
  for (const [name, why] of missing)
    findings.push(
      warn("kernel", `nothing says that it has ${name}: ${why}`, `modprobe ${name}, or a kernel with it`),
    );
  return findings;
};

function hasModule(name: string, version: string): boolean {
  const filesystems = textOf("/proc/filesystems").split(/\s+/);
  if (filesystems.includes(name) || existsSync(`/sys/module/${name}`)) return true;
  const files = ["modules.builtin", "modules.dep"].map((each) => textOf(`/lib/modules/${version}/${each}`));
  return (
    files.some((text) => new RegExp(`/${name.replaceAll("_", "[_-]")}\\.ko`).test(text)) || isBuiltIn(name)
  );
}

/** Kernels without modules say nothing anywhere but in what they can do. */
function isBuiltIn(name: string): boolean {
  const marks: Readonly<Record<string, string>> = {
    nf_tables: "/proc/sys/net/netfilter",
    bridge: "/proc/sys/net/bridge",
  };
  return existsSync(marks[name] ?? "/nonexistent") || !existsSync("/proc/modules");
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
