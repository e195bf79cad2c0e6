/** What the layers below an unpacked one show at a path, without mounting them; in overlayfs's form of whiteouts. */
import { close, openAt2, readLinkAt, statAt, type, type ByteString, type Status } from "../../kernel/fs.ts";
import { O, RESOLVE } from "../../kernel/linux.ts";
import { overlayValue } from "../archive/merged.ts";
import { kindOf, openNode, openRoot, type Node } from "../archive/node.ts";

export type Seen =
  | { readonly kind: "folder" | "other"; readonly status: Status; readonly layer: Node }
  | { readonly kind: "symlink"; readonly target: ByteString; readonly status: Status; readonly layer: Node };

const inside = RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS | RESOLVE.NO_MAGICLINKS | RESOLVE.NO_XDEV;

export class Below implements Disposable {
  readonly #layers: readonly Node[];
  readonly #opened: DisposableStack;

  /** Folders of the layers, topmost first. Errors: `not_found` where one is gone. */
  constructor(folders: readonly string[]) {
    using stack = new DisposableStack();
    this.#layers = folders.map((path) => stack.use(openRoot(path)));
    this.#opened = stack.move();
  }

  [Symbol.dispose](): void {
    this.#opened.dispose();
  }

  /** The topmost layer; of copies the whole tree below. */
  get top(): Node | undefined {
    return this.#layers[0];
  }

  /** A path whose folders are no symlinks. */
  look(path: ByteString): Seen | undefined {
    for (const layer of this.#layers) {
      const found = lookIn(layer, path.split("/"));
      if (found === "hidden") return undefined;
      if (found) return found;
    }
    return undefined;
  }
}

function lookIn(layer: Node, parts: readonly ByteString[]): Seen | "hidden" | undefined {
  let hides = false;
  using opened = new DisposableStack();
  let at = layer;
  for (const [index, name] of parts.entries()) {
    const last = index === parts.length - 1;
    const status = statAt(at.fd, name);
    if (typeof status === "number") return hides ? "hidden" : undefined;
    const kind = kindOf(status);
    if (kind === type.CHARACTER && status.major === 0 && status.minor === 0) return "hidden";
    if (last) return seen(at.fd, name, { status, layer });
    if (kind !== type.DIRECTORY) return "hidden";
    const next = openNode(at, name);
    if (!next) return undefined;
    at = opened.use(next);
    hides ||= overlayValue(at, "opaque") === "y";
  }
  return undefined;
}

function seen(
  dir: number,
  name: ByteString,
  { status, layer }: { status: Status; layer: Node },
): Seen | undefined {
  const kind = kindOf(status);
  if (kind === type.DIRECTORY) return { kind: "folder", status, layer };
  if (kind !== type.SYMLINK) return { kind: "other", status, layer };
  const target = readLinkAt(dir, name);
  return typeof target === "string" ? { kind: "symlink", target, status, layer } : undefined;
}

/** A regular file below an open folder, for reading; undefined where it is none. The caller closes it. */
export function openFileIn(root: Node, path: ByteString): { fd: number; status: Status } | undefined {
  const fd = openAt2(root.fd, path, O.RDONLY | O.NOFOLLOW | O.NONBLOCK | O.NOCTTY, inside);
  if (fd < 0) return undefined;
  const status = statAt(fd, "");
  if (typeof status !== "number" && kindOf(status) === type.REGULAR) return { fd, status };
  close(fd);
  return undefined;
}
