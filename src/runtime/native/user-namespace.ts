/**
 * A user namespace that is held by a mount, and other namespaces that it owns: those are made by a child that is root in it (setns(2) takes every right over the host), and pinned or
 * entered by the parent, which has those rights still.
 */
import { rmSync, writeFileSync } from "node:fs";
import { CLONE, O, OPEN_TREE_CLONE, PR, PROC_SUPER_MAGIC } from "../../kernel/linux.ts";
import { unmount } from "../../kernel/mounts.ts";
import type { OciIdMapping } from "../../spec/oci/config.ts";
import { launchBeside } from "./beside.ts";
import { stage } from "./plan/compile/context.ts";
import { op, type Operation } from "./plan/operations.ts";

/** As the engine's Remap. */
export interface IdMaps {
  readonly uids: readonly OciIdMapping[];
  readonly gids: readonly OciIdMapping[];
}

/** Slots of these plans, beyond those of the plans that this goes into. */
const at = { proc: 40, user: 41, parentEnd: 42, childEnd: 43, child: 44, tree: 45, target: 46 } as const;
const byte = { made: 0x75, go: 0x67 } as const;

/** Nothing is left of a failed one. */
export async function makeUserNamespace(path: string, { uids, gids }: IdMaps): Promise<void> {
  writeFileSync(path, "", { flag: "a", mode: 0o444 });
  const why = `user namespace "${path}"`;
  const parent = [
    ...openProc(why),
    op("userns", { proc: at.proc, out: at.user, uidMap: mapText(uids), gidMap: mapText(gids) }, why),
    op("open_tree", { dir: at.user, flags: OPEN_TREE_CLONE, out: at.tree }, why),
    ...attached(path, why),
  ];
  try {
    await launchBeside({ parent, middle: [], init: [] });
  } catch (error) {
    unmount(path);
    rmSync(path, { force: true });
    throw error;
  }
}

export interface Inside {
  /** Where the user namespace is mounted. */
  readonly user: string;
  /** CLONE.NEW… of what is made. */
  readonly flags: number;
  /** What the child does as its root, in the new namespaces. */
  readonly steps?: readonly Operation[];
  /** What the parent does while the child lives: `childNamespace` and `pinned` name what the child has made. */
  readonly meanwhile: readonly Operation[];
  readonly why: string;
}

/** The plan's other part goes before and after `parent`. */
export function madeInside({ user, flags, steps = [], meanwhile, why }: Inside) {
  const parent = [
    ...openProc(why),
    op("open", { path: user, flags: O.RDONLY | O.CLOEXEC, out: at.user }, why),
    // Nobody in that namespace may look at the child, which has what the parent has opened.
    op("prctl", { option: PR.SET_DUMPABLE, a: 0 }, why),
    op("socketpair", { a: at.parentEnd, b: at.childEnd }, why),
    op("clone", { stage: stage.init }, why),
    op("close", { slot: at.childEnd }, why),
    op("receive", { slot: at.parentEnd, byte: byte.made }, why),
    op("child_proc", { proc: at.proc, out: at.child }, why),
    ...meanwhile,
    op("send", { slot: at.parentEnd, byte: byte.go }, why),
  ];
  const init = [
    op("close", { slot: at.parentEnd }, why),
    op("setns", { slot: at.user, type: CLONE.NEWUSER }, why),
    op("setgroups", { gids: new Uint8Array() }, why),
    op("setgid", { id: 0 }, why),
    op("setuid", { id: 0 }, why),
    // After the change of user, which takes it back.
    op("prctl", { option: PR.SET_PDEATHSIG, a: 9 }, why),
    op("unshare", { flags }, why),
    ...steps,
    op("send", { slot: at.childEnd, byte: byte.made }, why),
    op("receive", { slot: at.childEnd, byte: byte.go }, why),
  ];
  return { parent, init };
}

/** `/proc/PID/ns/<type>` of the child, opened. */
export const childNamespace = (type: string, out: number, why: string): Operation =>
  op("open", { dir: at.child, path: `ns/${type}`, flags: O.RDONLY | O.CLOEXEC, out }, why);

/** The child's namespace, mounted on a file that is there. */
export const pinned = (type: string, path: string, why: string): Operation[] => [
  op("open_tree", { dir: at.child, path: `ns/${type}`, flags: OPEN_TREE_CLONE, out: at.tree }, why),
  ...attached(path, why),
];

const attached = (path: string, why: string): Operation[] => [
  op("open", { path, flags: O.PATH | O.CLOEXEC, out: at.target }, why),
  op("move_mount", { from: at.tree, to: at.target }, why),
];

const openProc = (why: string): Operation[] => [
  op("open", { path: "/proc", flags: O.PATH | O.DIRECTORY, out: at.proc }, why),
  op("check_fs", { slot: at.proc, magic: PROC_SUPER_MAGIC }, why),
];

function mapText(mappings: readonly OciIdMapping[]): string {
  return mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join("");
}
