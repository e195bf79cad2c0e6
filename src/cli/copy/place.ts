/** `CONTAINER:PATH`, a path of this side, or `-`. */
import { basename, dirname } from "node:path";

export type Place =
  | { readonly kind: "stream" }
  | { readonly kind: "local"; readonly path: string }
  | { readonly kind: "container"; readonly container: string; readonly path: string };

/** A path with a slash or a point in front is of this side, whatever colons it has. */
export function parsePlace(text: string): Place {
  if (text === "-") return { kind: "stream" };
  const colon = text.indexOf(":");
  if (colon < 1 || /^[./]/.test(text)) return { kind: "local", path: text };
  return { kind: "container", container: text.slice(0, colon), path: text.slice(colon + 1) || "/" };
}

/** `dir/.`: what is in the folder, not the folder. */
export const meansContents = (path: string) => path === "." || path.endsWith("/.");

export const meansFolder = (path: string) => path.endsWith("/") || meansContents(path);

/** The last word of a path and the folder before it, whatever slashes it ends with. */
export function cutPath(path: string): { folder: string; name: string } {
  return { folder: dirname(path), name: basename(path) };
}
