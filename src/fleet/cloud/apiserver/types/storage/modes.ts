/** Access modes of volumes and claims. */
import type { StatusCause } from "../../../../../spec/kubernetes/kube.ts";
import { notSupported, required } from "../fields/complaints.ts";
import { entryOf, texts } from "../fields/read.ts";

/** A cell without a value. */
export const unset = "<unset>";

const shortModes: Readonly<Record<string, string>> = {
  ReadWriteOnce: "RWO",
  ReadOnlyMany: "ROX",
  ReadWriteMany: "RWX",
  ReadWriteOncePod: "RWOP",
};
const modes = Object.keys(shortModes);
export const modeText = (given: unknown): string =>
  texts(given)
    .map((mode) => entryOf(shortModes, mode) ?? mode)
    .join(",");

/** There is one at least, and each is known. */
export function modeCauses(given: unknown): StatusCause[] {
  const own = texts(given);
  if (own.length === 0) return [required("spec.accessModes", "at least 1 access mode is required")];
  return own
    .filter((mode) => !modes.includes(mode))
    .map((mode) => notSupported("spec.accessModes", mode, modes));
}
