/** Whiteouts where a tree shows the layers below as well: they remove what those brought, not what their own layer brings (image specification, layer.md). */
import * as fs from "../../kernel/fs.ts";
import { O } from "../../kernel/linux.ts";
import { done } from "./_failure.ts";
import { isFolder, list, removeAt } from "./remove.ts";

export class OwnPaths {
  readonly #paths = new Set<fs.ByteString>();

  /** Marks a path, and the folders above it, as this layer's. */
  keep(path: fs.ByteString): void {
    for (let at = path; at !== "" && !this.#paths.has(at); at = at.slice(0, Math.max(0, at.lastIndexOf("/"))))
      this.#paths.add(at);
  }

  /** Removes `name` of the folder, which is `path` from the root, but for what is this layer's. */
  removeOthers(dir: number, name: fs.ByteString, path: fs.ByteString): void {
    if (!this.#paths.has(path)) return removeAt(dir, name);
    const status = fs.statAt(dir, name);
    if (typeof status === "number" || !isFolder(status)) return;
    const fd = done(fs.openAt(dir, name, O.PATH | O.DIRECTORY | O.NOFOLLOW), "open a folder");
    try {
      this.removeOthersIn(fd, path);
    } finally {
      fs.close(fd);
    }
  }

  /** The same for all that is in a folder. */
  removeOthersIn(dir: number, path: fs.ByteString): void {
    const readable = done(fs.openAt(dir, ".", O.RDONLY | O.DIRECTORY), "open a folder");
    try {
      for (const { name } of list(readable))
        this.removeOthers(readable, name, path === "" ? name : `${path}/${name}`);
    } finally {
      fs.close(readable);
    }
  }
}
