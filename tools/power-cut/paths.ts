/** Finds inodes in the model by the paths that system calls name. */
import type { Process } from "./processes.ts";
import type { Argument } from "./trace.ts";
import { rootInode, type Tree } from "./tree.ts";

export interface Place {
  /** The folder that holds the last name; undefined for the root itself and for a descriptor. */
  readonly folder: number | undefined;
  readonly name: string;
  readonly inode: number | undefined;
  /** Below the root. */
  readonly path: string;
}

export class Paths {
  readonly #tree: Tree;
  readonly #root: string;

  constructor(tree: Tree, root: string) {
    this.#tree = tree;
    this.#root = root;
  }

  /** Undefined for what lies outside of the data root. `follow`: also a symlink at the end. */
  at(
    process: Process,
    { folder, path }: { folder: Argument | undefined; path: string },
    follow: boolean,
  ): Place | undefined {
    const descriptor = folder?.descriptor;
    const own = /^\/proc\/(?:self|\d+|thread-self)\/fd\/(\d+)(\/.*)?$/.exec(path);
    if (own || (path === "" && descriptor && descriptor.fd >= 0)) {
      const fd = own ? Number(own[1]) : (descriptor?.fd ?? -1);
      const open = process.files.get(fd);
      if (own?.[2] !== undefined) return open && this.find(open.path + own[2], follow);
      if (own && !follow) return undefined;
      if (open)
        return open.inode === undefined
          ? undefined
          : { folder: undefined, name: "", inode: open.inode, path: this.below(open.path) ?? open.path };
      return descriptor && this.find(descriptor.path, follow);
    }
    if (path.startsWith("/")) return this.find(path, follow);
    return this.find(`${descriptor?.path ?? process.place.folder}/${path}`, follow);
  }

  /** The part of an absolute path below the root: "" for the root, undefined outside. */
  below(path: string): string | undefined {
    if (path === this.#root) return "";
    return path.startsWith(`${this.#root}/`) ? path.slice(this.#root.length + 1) : undefined;
  }

  /** By an absolute path. */
  find(absolute: string, follow: boolean, depth = 0): Place | undefined {
    const below = this.below(absolute);
    if (below === undefined || depth > 40) return undefined;
    const steps = below.split("/").filter((step) => step !== "" && step !== ".");
    const trail: [name: string, inode: number][] = [];
    const here = () => trail.at(-1)?.[1] ?? rootInode;
    for (const [index, step] of steps.entries()) {
      if (step === "..") {
        if (trail.pop() === undefined) return undefined;
        continue;
      }
      const folder = here();
      const inode = this.#tree.get(folder).entries.get(step);
      const last = index === steps.length - 1;
      const path = [...trail.map(([name]) => name), step].join("/");
      const node = inode === undefined ? undefined : this.#tree.get(inode).node;
      if (node?.kind === "symlink" && (!last || follow)) {
        const rest = steps.slice(index + 1).join("/");
        const start = node.target.startsWith("/")
          ? node.target
          : [this.#root, ...trail.map(([name]) => name), node.target].join("/");
        return this.find(rest === "" ? start : `${start}/${rest}`, follow, depth + 1);
      }
      if (last) return { folder, name: step, inode, path };
      if (inode === undefined || node?.kind !== "folder") return undefined;
      trail.push([step, inode]);
    }
    return { folder: undefined, name: "", inode: here(), path: trail.map(([name]) => name).join("/") };
  }
}
