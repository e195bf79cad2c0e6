import { describe, expect, test } from "bun:test";
import { at, pod } from "../_objects.ts";
import { planGarbage, type GarbageStep, type OwnerState } from "./plan.ts";

const reference = (uid: string) => ({ apiVersion: "v1", kind: "ConfigMap", name: uid, uid });
const dependent = (name: string, block = false) =>
  pod(name, { metadata: { ownerReferences: [{ ...reference("uid-a"), blockOwnerDeletion: block }] } });

interface Row {
  readonly what: string;
  readonly owners?: Readonly<Record<string, OwnerState>>;
  readonly finalizers?: string[];
  readonly deleting?: boolean;
  readonly dependents?: readonly ReturnType<typeof pod>[];
  readonly steps: (object: ReturnType<typeof pod>) => readonly GarbageStep[];
}

const nothing = (): readonly GarbageStep[] => [];
const child = dependent("child");
const blocking = dependent("child", true);

const rows: readonly Row[] = [
  { what: "nobody owns it", steps: nothing },
  { what: "its owner is there", owners: { o: "present" }, steps: nothing },
  { what: "its owner is of a kind that is not served", owners: { o: "unknown" }, steps: nothing },
  {
    what: "its owner is gone",
    owners: { o: "absent" },
    steps: (object) => [{ do: "delete", object, propagation: "Background" }],
  },
  {
    what: "all its owners are gone",
    owners: { o: "absent", p: "absent" },
    steps: (object) => [{ do: "delete", object, propagation: "Background" }],
  },
  {
    what: "one owner is gone, another is there",
    owners: { o: "absent", p: "present" },
    steps: (object) => [{ do: "remove owners", object, uids: ["o"] }],
  },
  {
    what: "one owner is gone, of another nobody knows",
    owners: { o: "absent", p: "unknown" },
    steps: (object) => [{ do: "remove owners", object, uids: ["o"] }],
  },
  {
    what: "its owner waits for it",
    owners: { o: "waiting" },
    steps: (object) => [{ do: "delete", object, propagation: "Background" }],
  },
  {
    what: "its owner waits for it, and it has dependents itself",
    owners: { o: "waiting" },
    dependents: [child],
    steps: (object) => [{ do: "delete", object, propagation: "Foreground" }],
  },
  {
    what: "its owner is gone, and it is to leave its dependents",
    owners: { o: "absent" },
    finalizers: ["orphan"],
    steps: (object) => [{ do: "delete", object, propagation: "Orphan" }],
  },
  { what: "being deleted already", deleting: true, owners: { o: "absent" }, steps: nothing },
  {
    what: "leaving its dependents",
    deleting: true,
    finalizers: ["orphan"],
    dependents: [child],
    steps: () => [
      { do: "remove owners", object: child, uids: ["uid-a"] },
      { do: "remove finalizer", finalizer: "orphan" },
    ],
  },
  {
    what: "waiting for a dependent that holds it",
    deleting: true,
    finalizers: ["foregroundDeletion"],
    dependents: [blocking],
    steps: nothing,
  },
  {
    what: "waiting, with dependents that do not hold it",
    deleting: true,
    finalizers: ["foregroundDeletion"],
    dependents: [child],
    steps: () => [{ do: "remove finalizer", finalizer: "foregroundDeletion" }],
  },
  {
    what: "waiting, with nothing left",
    deleting: true,
    finalizers: ["foregroundDeletion"],
    steps: () => [{ do: "remove finalizer", finalizer: "foregroundDeletion" }],
  },
];

describe("an object", () => {
  for (const { what, owners = {}, finalizers = [], deleting = false, dependents = [], steps } of rows) {
    test(what, () => {
      const object = pod("a", {
        metadata: { finalizers, ...(deleting ? { deletionTimestamp: at(0) } : {}) },
      });
      const states = Object.entries(owners).map(([uid, state]) => ({ reference: reference(uid), state }));
      expect(planGarbage({ object, owners: states, dependents })).toEqual([...steps(object)]);
    });
  }
});
