/** list: every container below the root, with its status. */
import { statSync } from "node:fs";
import { SampanError } from "../../base/errors.ts";
import { readTextIfThere } from "../../kernel/files.ts";
import type { RuntimeContext } from "./create.ts";
import type { Status } from "../runtime.ts";
import { listIds, loadState, statusOf } from "./state.ts";

/** The same keys in the same order as runc. */
export interface ListedContainer {
  readonly ociVersion: string;
  readonly id: string;
  /** 0 for a stopped container. */
  readonly pid: number;
  readonly status: Status;
  readonly bundle: string;
  readonly rootfs: string;
  readonly created: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Name of the user whose folder it is, or `#` and the id where it has none. */
  readonly owner: string;
}

/** A folder whose state cannot be read (a create that goes on, or was interrupted) is passed over with a warning, as with runc. */
export async function list(context: RuntimeContext): Promise<ListedContainer[]> {
  const containers: ListedContainer[] = [];
  for (const id of listIds(context.root)) {
    try {
      containers.push(await listed(context.root, id));
    } catch (error) {
      context.warn(`load container ${id}: ${SampanError.from(error).message}`);
    }
  }
  return containers;
}

async function listed(root: string, id: string): Promise<ListedContainer> {
  const state = loadState(root, id);
  const status = await statusOf(root, state);
  const { ociVersion, annotations } = state.spec;
  return {
    ociVersion,
    id,
    pid: status === "stopped" ? 0 : state.init_process_pid,
    status,
    bundle: state.bundle,
    rootfs: state.rootfs,
    created: state.created,
    ...(annotations && { annotations }),
    owner: userName(statSync(`${root}/${id}`).uid),
  };
}

/** passwd(5). */
function userName(uid: number): string {
  for (const line of (readTextIfThere("/etc/passwd") ?? "").split("\n")) {
    const [name = "", , id] = line.split(":");
    if (id === String(uid) && name !== "") return name;
  }
  return `#${uid}`;
}
