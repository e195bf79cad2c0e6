/** MetaServer's requests to the Kubernetes API by way of the cloud, and their answers. */
import { invalid } from "../../../base/errors.ts";
import { bytes, line, map, needed, nullable, object, oneOf, text, time, word, zero } from "../codec.ts";
import { kind } from "./kind.ts";
import { apiError, type ApiError } from "./kube.ts";

export const verbs = ["get", "list", "watch", "create", "delete", "update", "updatestatus", "patch"] as const;
export type Verb = (typeof verbs)[number];

export interface Application {
  /** SHA-256, hexadecimal, of Nodename, Key, Verb, Option, ReqBody and Subresource. */
  readonly ID: string;
  /** `/<group or core>/<version>/<plural>/<namespace or null>/<name or null>`, or a path like `/version`. */
  readonly Key: string;
  readonly Verb: Verb;
  /** What the edge calls itself. It decides nothing: see requireOwnNode. */
  readonly Nodename: string;
  /** The options of the verb, as JSON. */
  readonly Option: Uint8Array | null;
  readonly ReqBody: Uint8Array | null;
  readonly Subresource: string;
  /** The object or list, as JSON. */
  readonly RespBody: Uint8Array | null;
  /** `InApplying`, `Approved`, `Rejected`. */
  readonly Status: string;
  readonly Reason: string;
  readonly Error: ApiError;
  readonly Timestamp: string;
}

const application = object<Application>({
  ID: needed(line({ most: 128, like: /^[0-9a-f]*$/, wanted: "a digest" })),
  Key: needed(line({ most: 2048, like: /^\//, wanted: "a path" })),
  Verb: needed(oneOf(...verbs)),
  Nodename: zero(line({ most: 253 }), ""),
  Option: nullable(bytes),
  ReqBody: nullable(bytes),
  Subresource: zero(word, ""),
  RespBody: nullable(bytes),
  Status: zero(word, ""),
  Reason: zero(text, ""),
  Error: zero(apiError, { ErrStatus: { metadata: {} } }),
  Timestamp: zero(time, "0001-01-01T00:00:00Z"),
});

export const request = kind<Application>("request of MetaServer", {
  way: "up",
  on: { source: "metaserver", group: "dynamiccontroller", resource: "null" },
  content: application,
});

export const response = kind<Application>("answer to MetaServer", {
  way: "down",
  on: { group: "resource", operation: "applicationResponse", resource: "ignore/Application/ignore" },
  content: application,
});

/** By ID. */
export type Applications = Readonly<Record<string, Application>>;
const applications = map(application);

/** All watches that live at the edge, after one ended and after each connection. */
export const watchSync = kind<Applications>("watches of MetaServer", {
  way: "up",
  on: { source: "metaserver", resource: "watchapp/sync" },
  content: applications,
});

/** Those that the cloud could not begin again. */
export const watchSyncReply = kind<Applications>("watches that failed", {
  way: "down",
  on: { group: "resource", operation: "applicationResponse", resource: "watchapp/sync" },
  content: applications,
});

export type Key =
  | { readonly is: "path"; readonly path: string }
  | {
      readonly is: "resource";
      readonly group: string;
      readonly version: string;
      readonly resource: string;
      readonly namespace?: string;
      readonly name?: string;
    };

const part = /^[A-Za-z0-9_:@~+$.-]{1,253}$/;
const paths = /^\/(?:version|healthz|livez|readyz|api|apis|openapi)(?:\/[\w.-]{1,253}){0,3}$/;

/** @throws SampanError invalid_argument: the key becomes an address of the API, so nothing but names is taken. */
export function parseKey(key: string): Key {
  if (paths.test(key) && !key.split("/").includes("..")) return { is: "path", path: key };
  const [empty, group = "", version = "", resource = "", namespace = "", name = "", ...more] = key.split("/");
  const parts = [group, version, resource, namespace, name];
  if (
    empty !== "" ||
    more.length > 0 ||
    !parts.every((each) => part.test(each) && each !== "." && each !== "..")
  )
    throw invalid(
      `cannot read key ${JSON.stringify(key.slice(0, 80))}: wanted /<group>/<version>/<resource>/<namespace>/<name>`,
    );
  return {
    is: "resource",
    group: group === "core" ? "" : group,
    version,
    resource,
    ...(namespace === "null" ? {} : { namespace }),
    ...(name === "null" ? {} : { name }),
  };
}

export function formatKey(key: Key): string {
  const text =
    key.is === "path"
      ? key.path
      : `/${key.group || "core"}/${key.version}/${key.resource}/${key.namespace ?? "null"}/${key.name ?? "null"}`;
  parseKey(text);
  return text;
}

type Identity = Pick<Application, "Nodename" | "Key" | "Verb" | "Option" | "ReqBody" | "Subresource">;

/** The ID of an application: what is asked, by whom. */
export function applicationId({ Nodename, Key, Verb, Option, ReqBody, Subresource }: Identity): string {
  const hash = new Bun.CryptoHasher("sha256");
  for (const each of [Nodename, Key, Verb, Option, ReqBody, Subresource]) hash.update(each ?? "");
  return hash.digest("hex");
}
