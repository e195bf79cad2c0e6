/** The requests that are answered for a kind, without the form of either version of OpenAPI. */
import { patchTypesOf, type Resource } from "../../resource.ts";
import {
  listName,
  metaName,
  patchName,
  scaleName,
  subresourceType,
  type GroupVersionKind,
} from "./_schemas.ts";

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query";
  readonly type: "string" | "integer" | "boolean";
  readonly description: string;
}

export interface Operation {
  readonly path: string;
  readonly method: "get" | "put" | "post" | "delete" | "patch";
  /** What kubectl calls it: list, post, deletecollection, get, put, patch, delete, connect. */
  readonly action: string;
  readonly id: string;
  readonly kind: GroupVersionKind;
  readonly parameters: readonly Parameter[];
  /** Media types of the body. kubectl picks its kind of patch by them. */
  readonly consumes: readonly string[];
  /** The names of the types of the body and of the answer; without one it is text. */
  readonly body?: string;
  readonly answer?: string;
}

const query = (name: string, type: Parameter["type"], description: string): Parameter => ({
  name,
  in: "query",
  type,
  description,
});

const pretty = query("pretty", "string", "Indents the answer.");
const dryRun = query("dryRun", "string", "All: nothing is kept.");
const manager = query("fieldManager", "string", "Who sets the fields.");
const validation = query(
  "fieldValidation",
  "string",
  "Ignore, Warn or Strict: what becomes of unknown fields.",
);
const writing = [dryRun, manager, validation, pretty];
const patching = [...writing, query("force", "boolean", "Takes fields from other managers; only for apply.")];
const deleting = [
  dryRun,
  query("gracePeriodSeconds", "integer", "Time to end."),
  query("propagationPolicy", "string", "Orphan, Background or Foreground."),
  pretty,
];
const selecting = [
  query("labelSelector", "string", "Only objects with these labels."),
  query("fieldSelector", "string", "Only objects with these values."),
  query("limit", "integer", "The most objects of an answer."),
  query("continue", "string", "Where the answer before ended."),
  query("resourceVersion", "string", "Not older than this."),
  query("resourceVersionMatch", "string", "Exact or NotOlderThan."),
  query("timeoutSeconds", "integer", "The longest time of the request."),
];
const watching = [
  ...selecting,
  query("watch", "boolean", "Sends changes as they come."),
  query("allowWatchBookmarks", "boolean", "Sends revisions without changes too."),
  query("sendInitialEvents", "boolean", "Begins with what is there."),
  pretty,
];
const namespaceIn: Parameter = {
  name: "namespace",
  in: "path",
  type: "string",
  description: "The namespace.",
};
const nameIn: Parameter = { name: "name", in: "path", type: "string", description: "The object's name." };

interface Verb {
  readonly method: Operation["method"];
  readonly action: string;
  readonly word: string;
  readonly parameters: readonly Parameter[];
  readonly body?: "own" | "patch" | "options";
  readonly answer?: "list" | "status";
}

const ofCollection: Readonly<Record<string, Verb>> = {
  list: { method: "get", action: "list", word: "list", parameters: watching, answer: "list" },
  create: { method: "post", action: "post", word: "create", parameters: writing, body: "own" },
  deletecollection: {
    method: "delete",
    action: "deletecollection",
    word: "deleteCollection",
    parameters: [...deleting, ...selecting],
    body: "options",
    answer: "status",
  },
};

const ofObject: Readonly<Record<string, Verb>> = {
  get: { method: "get", action: "get", word: "read", parameters: [pretty] },
  update: { method: "put", action: "put", word: "replace", parameters: writing, body: "own" },
  patch: { method: "patch", action: "patch", word: "patch", parameters: patching, body: "patch" },
  delete: {
    method: "delete",
    action: "delete",
    word: "delete",
    parameters: deleting,
    body: "options",
    answer: "status",
  },
};

export function operationsOf(resource: Resource): Operation[] {
  const { group, version, plural, namespaced, verbs } = resource;
  const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  const collection = namespaced ? `${root}/namespaces/{namespace}/${plural}` : `${root}/${plural}`;
  const own = namespaced ? [namespaceIn] : [];
  const scope = namespaced ? "Namespaced" : "";
  const all = verbs.includes("list") && namespaced ? `${root}/${plural}` : undefined;
  const { list } = ofCollection;
  return [
    ...pick(ofCollection, verbs).map((verb) =>
      operation(resource, verb, { path: collection, parameters: own, scope }),
    ),
    ...(all && list
      ? [operation(resource, list, { path: all, parameters: [], scope: "", suffix: "ForAllNamespaces" })]
      : []),
    ...pick(ofObject, verbs).map((verb) =>
      operation(resource, verb, { path: `${collection}/{name}`, parameters: [...own, nameIn], scope }),
    ),
    ...subresourceOperations(resource, { path: `${collection}/{name}`, parameters: [...own, nameIn], scope }),
  ];
}

function pick(table: Readonly<Record<string, Verb>>, verbs: readonly string[]): Verb[] {
  return Object.entries(table).flatMap(([name, verb]) => (verbs.includes(name) ? [verb] : []));
}

interface Where {
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly scope: string;
  readonly suffix?: string;
}

function operation(resource: Resource, verb: Verb, where: Where): Operation {
  const { group, version, kind, definition } = resource;
  const bodies = { own: definition, patch: patchName, options: metaName("DeleteOptions") };
  const answers = { list: listName(resource), status: metaName("Status") };
  return {
    path: where.path,
    method: verb.method,
    action: verb.action,
    id: `${verb.word}${prefixOf(resource)}${where.scope}${kind}${where.suffix ?? ""}`,
    kind: { group, version, kind },
    consumes: verb.body === "patch" ? patchTypesOf(resource) : ["*/*"],
    parameters: [...where.parameters, ...verb.parameters],
    ...(verb.body ? { body: bodies[verb.body] } : {}),
    answer: verb.answer ? answers[verb.answer] : definition,
  };
}

function subresourceOperations(resource: Resource, where: Where): Operation[] {
  const { status, scale, subresources, group, version, kind } = resource;
  const changed = ["get", "patch", "update"];
  const parts = [
    ...(status
      ? [{ name: "status", verbs: changed, type: resource.definition, kind: { group, version, kind } }]
      : []),
    ...(scale
      ? [
          {
            name: "scale",
            verbs: changed,
            type: scaleName,
            kind: { group: "autoscaling", version: "v1", kind: "Scale" },
          },
        ]
      : []),
    ...subresources.map((each) => ({
      name: each.name,
      verbs: each.verbs,
      type: subresourceType(resource, each.group, each.kind),
      kind: { group: each.group, version: each.version, kind: each.kind },
    })),
  ];
  return parts.flatMap(({ name, verbs, type, kind: partKind }) =>
    pick({ ...ofObject, create: ofCollection.create as Verb }, verbs).map((verb) => {
      const {
        body: _body,
        answer: _answer,
        ...made
      } = operation(resource, verb, {
        ...where,
        path: `${where.path}/${name}`,
        suffix: capital(name),
      });
      // Log is text, and streams are neither.
      if (type === undefined || name === "log")
        return { ...made, kind: partKind, action: name === "log" ? "get" : "connect" };
      const body = verb.body === "patch" ? patchName : type;
      return { ...made, kind: partKind, ...(verb.body ? { body } : {}), answer: type };
    }),
  );
}

/** `CoreV1`, `RbacAuthorizationV1`, `ComExampleV1` */
function prefixOf({ group, version, definition, strategicMerge }: Resource): string {
  const words = strategicMerge
    ? (group || "core").replace(/\.k8s\.io$/, "").split(".")
    : definition.split(".").slice(0, -2);
  return [...words, version].map(capital).join("");
}

function capital(word: string): string {
  return word
    .split("-")
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .join("");
}
