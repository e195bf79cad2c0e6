/**
 * The resource of a route. On the wire it is `<namespace>/<type>/<name>`; within KubeEdge's cloud `node/<node>/` stands before it. Objects of the cluster have the namespace `null`,
 * leases and nodes that an edge asks for itself excepted (`default`). Nothing here guesses: what does not have the shape is refused, and who the sender is comes from its session only.
 */
import { invalid, SampanError } from "../../base/errors.ts";
import type { Envelope } from "./envelope.ts";
import { isRecord } from "./json.ts";
import { atLeast, type Version } from "./versions.ts";

export interface Resource {
  /** undefined: an object of the cluster, `null` on the wire. */
  readonly namespace?: string;
  readonly type: string;
  readonly name?: string;
}

interface TypeRow {
  /** The first release that has it. */
  readonly since?: string;
  readonly until?: string;
  /** Objects of the cluster. */
  readonly cluster?: true;
  /** The name is the sender's node. */
  readonly ofNode?: true;
}

/** The types that KubeEdge's modules know. MetaServer's watches bring any kind besides, in lower case. */
export const types = {
  pod: {},
  podlist: {},
  podstatus: {},
  podpatch: {},
  node: { cluster: true, ofNode: true },
  nodestatus: { cluster: true, ofNode: true },
  nodepatch: { cluster: true, ofNode: true },
  configmap: {},
  secret: {},
  serviceaccounttoken: {},
  serviceaccountaccess: {},
  lease: { ofNode: true },
  persistentvolume: { cluster: true },
  persistentvolumeclaim: {},
  volumeattachment: { cluster: true },
  device: {},
  devicemodel: {},
  rule: {},
  ruleendpoint: {},
  rulestatus: {},
  volume: {},
  event: { since: "1.19.0" },
  certificatesigningrequest: { since: "1.18.0", cluster: true },
} as const satisfies Record<string, TypeRow>;

export type ResourceType = keyof typeof types;

interface OperationRow {
  readonly since?: string;
  /** The first release that has it no more. */
  readonly until?: string;
}

export const operations = {
  insert: {},
  delete: {},
  query: {},
  update: {},
  patch: {},
  upload: {},
  response: {},
  error: {},
  keepalive: {},
  connect: {},
  subscribe: {},
  unsubscribe: {},
  publish: {},
  message: {},
  get: {},
  get_result: {},
  start: {},
  stop: {},
  upgrade: {},
  applicationResponse: {},
  createvolume: {},
  deletevolume: {},
  controllerpublishvolume: {},
  controllerunpublishvolume: {},
  prepull: { since: "1.16.0", until: "1.21.0" },
  Check: { since: "1.21.0" },
  UpdateNodeActionStatus: { since: "1.21.0" },
  "unhold-upgrade": { since: "1.22.0" },
} as const satisfies Record<string, OperationRow>;

export type Operation = keyof typeof operations;

export function isType(text: string, version?: Version): text is ResourceType {
  return Object.hasOwn(types, text) && within(types[text as ResourceType] as TypeRow, version);
}

export function isOperation(text: string, version?: Version): text is Operation {
  return Object.hasOwn(operations, text) && within(operations[text as Operation], version);
}

function within({ since, until }: OperationRow, version: Version | undefined): boolean {
  if (version === undefined) return true;
  return (
    (since === undefined || atLeast(version, since)) && !(until !== undefined && atLeast(version, until))
  );
}

const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const typeName = /^[a-z0-9]{1,63}$/;
/** Names of Kubernetes may be more than DNS names (RBAC: `system:node`), but are one part of a path. */
const objectName = /^[A-Za-z0-9_:@~+$.-]{1,253}$/;

export function isNamespace(text: string): boolean {
  return label.test(text) && text !== "null";
}

export function isName(text: string): boolean {
  return objectName.test(text) && text !== "." && text !== "..";
}

/** A node's name: a DNS subdomain. */
export function isNodeName(text: string): boolean {
  return text.length <= 253 && text.split(".").every((each) => label.test(each));
}

/** @throws SampanError invalid_argument when it is not `<namespace>/<type>[/<name>]`. */
export function parseResource(text: string): Resource {
  const read = readResource(text);
  if (typeof read === "string") throw fault(text, read);
  return read;
}

/** What is wrong with it where it is none. */
function readResource(text: string): Resource | string {
  const [namespace = "", type = "", ...rest] = text.length <= 512 ? text.split("/") : [];
  const [name] = rest;
  if (namespace !== "null" && !isNamespace(namespace)) return "its namespace is none";
  if (!typeName.test(type)) return "its type is none";
  if (rest.length > 1) return "it has more than three parts";
  if (name !== undefined && !isName(name)) return "its name is none";
  return {
    ...(namespace === "null" ? {} : { namespace }),
    type,
    ...(name === undefined ? {} : { name }),
  };
}

function fault(text: string, why: string): SampanError {
  return invalid(
    `cannot read resource ${JSON.stringify(text.slice(0, 80))}: ${why}, wanted <namespace>/<type>/<name>`,
  );
}

/** As `parseResource`, but undefined for what is no object: `node`, `membership/detail`, topics. */
export function resourceOf(text: string): Resource | undefined {
  const read = readResource(text);
  return typeof read === "string" ? undefined : read;
}

/** @throws SampanError invalid_argument when a part would not be read back as itself. */
export function formatResource({ namespace, type, name }: Resource): string {
  const text = `${namespace ?? "null"}/${type}${name === undefined ? "" : `/${name}`}`;
  if (namespace === "null") throw fault(text, "its namespace is none");
  parseResource(text);
  return text;
}

/** The form within KubeEdge's cloud, in which the Router's and CSI's resources are told apart by node: `node/<node>/<resource>`. */
export function prependNode(node: string, resource: string): string {
  if (!isNodeName(node))
    throw invalid(`cannot name node ${JSON.stringify(node.slice(0, 80))}: it is no DNS name`);
  return resource === "" ? `node/${node}` : `node/${node}/${resource}`;
}

/** Takes the form within the cloud apart. undefined when it is the form on the wire: fewer than three parts, or another beginning. */
export function stripNode(
  resource: string,
): { readonly node: string; readonly resource: string } | undefined {
  const [first, node = "", ...rest] = resource.split("/");
  return first === "node" && rest.length > 0 && isNodeName(node)
    ? { node, resource: rest.join("/") }
    : undefined;
}

/**
 * Refuses a message in which an edge speaks of another node than its own: in a resource that names a node, or where a content names the sender.
 * What the content says is only ever compared; the sender is who the session says.
 * @throws SampanError permission_denied
 */
export function requireOwnNode({ route, content }: Envelope, node: string): void {
  const foreign = nodesIn(route.resource, content).find((each) => each !== node);
  if (foreign !== undefined)
    throw new SampanError(
      "permission_denied",
      `cannot take the message of node "${node}": it speaks for ${JSON.stringify(foreign.slice(0, 80))}`,
    );
}

const ofTask = /\/node\/([^/]*)$/;

function nodesIn(text: string, content: unknown): string[] {
  const resource = resourceOf(text);
  const named = resource && isType(resource.type) ? ofNode(resource.type, resource) : [];
  const task = /^(?:upgrade|operations\.kubeedge\.io)\//.test(text)
    ? (ofTask.exec(text)?.[1] ?? "")
    : undefined;
  return [...named, task, ...sendersIn(text, content)].filter(
    (each): each is string => typeof each === "string" && each !== "",
  );
}

/** What contents call their sender: reports of tasks, MetaServer's requests, and all of its watches. */
function sendersIn(text: string, content: unknown): unknown[] {
  if (!isRecord(content)) return [];
  const requests = text === "watchapp/sync" ? Object.values(content).filter(isRecord) : [content];
  return requests.flatMap((each) =>
    ["Nodename", "NodeName"].map((field) => (Object.hasOwn(each, field) ? each[field] : undefined)),
  );
}

function ofNode(type: ResourceType, { namespace, name }: Resource): string[] {
  const row: TypeRow = types[type];
  if (row.ofNode !== true || name === undefined) return [];
  // Leases of other namespaces are an application's own, by way of MetaServer.
  return type === "lease" && namespace !== "kube-node-lease" ? [] : [name];
}
