/** Patches of a status: what of them a node may say, and whether they change anything. */
import { invalid, type SampanError } from "../../../../base/errors.ts";
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import { isRecord } from "../../../link/json.ts";

type Fields = Readonly<Record<string, unknown>>;
type Changes = Readonly<Record<string, string | null>>;

export interface StatusPatch {
  readonly uid?: string;
  readonly labels?: Changes;
  readonly annotations?: Changes;
  readonly status?: Fields;
}

/**
 * Takes a strategic merge patch of a status apart. `refusal` says no to a field that is none of the node's: `spec`, directives at the top, owners, finalizers.
 * The name and namespace in a patch are not taken: the message's resource names the object.
 */
export function readPatch(patch: Fields, refusal: (field: string) => SampanError): StatusPatch {
  const { metadata = {}, status, ...more } = patch;
  const [foreign] = Object.keys(more);
  if (foreign !== undefined) throw refusal(foreign);
  if (!isRecord(metadata)) throw invalid("cannot take the patch: metadata is no object");
  if (status !== undefined && !isRecord(status)) throw invalid("cannot take the patch: status is no object");
  if (status && ["$patch", "$retainKeys"].some((field) => Object.hasOwn(status, field)))
    throw refusal("status as a whole");
  const { uid, labels, annotations, name: _, namespace: __, creationTimestamp: ___, ...other } = metadata;
  const [strange] = Object.keys(other);
  if (strange !== undefined) throw refusal(`metadata.${strange}`);
  if (uid !== undefined && typeof uid !== "string")
    throw invalid("cannot take the patch: its uid is no text");
  return {
    ...(uid ? { uid } : {}),
    ...readChanges("labels", labels),
    ...readChanges("annotations", annotations),
    ...(status ? { status } : {}),
  };
}

function readChanges(
  field: "labels" | "annotations",
  value: unknown,
): Partial<Record<"labels" | "annotations", Changes>> {
  if (value === undefined || value === null) return {};
  const good =
    isRecord(value) &&
    Object.entries(value).every(
      ([key, each]) => !key.startsWith("$") && (each === null || typeof each === "string"),
    );
  if (!good) throw invalid(`cannot take the patch: metadata.${field} are not texts`);
  return { [field]: value as Changes };
}

/** Lists in a status that are merged by a key, of those in which edges repeat what is there already. All others are replaced. */
const mergeKeys: Readonly<Record<string, string>> = { conditions: "type" };
const order = "$setElementOrder/";

/** Whether everything that a patch says is so already: then nothing need be written. False where it is not sure. */
export function isPresent(patch: Fields, object: KubeObject): boolean {
  return isWithin(patch, object, "");
}

function isWithin(wanted: unknown, present: unknown, field: string): boolean {
  if (isRecord(wanted)) {
    if (!isRecord(present)) return false;
    return Object.entries(wanted).every(([key, value]) => {
      if (key.startsWith(order)) return true;
      if (key.startsWith("$")) return false;
      if (value === null) return !Object.hasOwn(present, key) || present[key] === null;
      return Object.hasOwn(present, key) && isWithin(value, present[key], key);
    });
  }
  if (!Array.isArray(wanted)) return wanted === present;
  const key = mergeKeys[field];
  if (key === undefined || !Array.isArray(present)) return Bun.deepEquals(wanted, present);
  return wanted.every((each) => {
    const found = isRecord(each)
      ? present.find((other) => isRecord(other) && other[key] === each[key])
      : undefined;
    return found !== undefined && isWithin(each, found, "");
  });
}
