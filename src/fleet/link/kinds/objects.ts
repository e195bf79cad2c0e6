/** Objects on their way to an edge: pods, configmaps, secrets, nodes, access of service accounts, and whatever MetaServer watches. */
import { kind } from "./kind.ts";
import { namedObject } from "./kube.ts";

const changes = ["insert", "update", "delete"] as const;

/** Deletes of a resync have `metadata` only, resyncs neither `kind` nor `apiVersion`. */
export const objectChange = kind("object", {
  way: "down",
  on: { group: "resource", operation: changes, answer: false, resource: /^[^/]+\/[^/]+\/[^/]+$/ },
  content: namedObject,
});
