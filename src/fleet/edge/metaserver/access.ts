/**
 * Who asks, and what they may. A service account is known by a token that this node keeps for one of its pods; its rights are those of its ServiceAccountAccess, which the cloud sends. Root of this
 * machine itself may do all, since it can read the store. Nobody else may more than ask what kind of server this is.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { IncomingHttpHeaders } from "node:http";
import type { Socket } from "node:net";
import { isRecord } from "../../link/json.ts";
import { KubeError } from "../../../spec/kubernetes/kube.ts";
import { forbidden } from "../../../spec/kubernetes/errors.ts";
import type { LocalMeta } from "../meta/open.ts";
import type { ResourceRequest } from "./request.ts";

export type User =
  | { readonly is: "anonymous" }
  | { readonly is: "root" }
  | { readonly is: "account"; readonly namespace: string; readonly name: string };

/** Errors: KubeError Unauthorized for a token that is not known. */
export function whoAsks(
  { authorization: header, host, origin }: IncomingHttpHeaders,
  socket: Socket,
  { meta, isOpen }: { meta: LocalMeta; isOpen: boolean },
): User {
  if (isOpen) return { is: "root" };
  const [, token] = /^Bearer ([\w.~+/=-]{1,16384})$/.exec(header ?? "") ?? [];
  if (token !== undefined) {
    const owner = meta.ownerOf(token);
    if (!owner) throw new KubeError("Unauthorized", "Unauthorized");
    return { is: "account", ...owner };
  }
  if (header !== undefined) throw new KubeError("Unauthorized", "Unauthorized");
  // A page in a browser comes with its origin, or by a name that somebody else gave this address.
  const isDirect = origin === undefined && /^(?:localhost|127\.[\d.]+|\[::1\])(?::\d+)?$/.test(host ?? "");
  return isDirect && isHostRoot(socket) ? { is: "root" } : { is: "anonymous" };
}

/** Throws a KubeError: Unauthorized for nobody, Forbidden for whom no rule allows it. */
export function authorize(user: User, request: ResourceRequest, meta: LocalMeta): void {
  if (user.is === "root") return;
  if (user.is === "anonymous") throw new KubeError("Unauthorized", "Unauthorized");
  if (rulesOf(user, meta).some((grant) => allows(grant, request))) return;
  const { verb, id, namespace, name = "", subresource } = request;
  const where = namespace === undefined ? "at the cluster scope" : `in the namespace "${namespace}"`;
  const resource = subresource === undefined ? id.resource : `${id.resource}/${subresource}`;
  throw forbidden({ group: id.group, plural: id.resource }, name, {
    why: `User "system:serviceaccount:${user.namespace}:${user.name}" cannot ${verb} resource "${resource}" in API group "${id.group}" ${where}`,
  });
}

interface Grant {
  /** undefined: everywhere. */
  readonly namespace: string | undefined;
  readonly rule: Readonly<Record<string, unknown>>;
}

function rulesOf({ namespace, name }: Extract<User, { is: "account" }>, meta: LocalMeta): Grant[] {
  return meta.list("serviceaccountaccess", namespace).flatMap((object) => {
    const spec = record(object["spec"]);
    const { name: of } = record(record(spec["serviceAccount"])["metadata"]);
    if ((of ?? object.metadata.name) !== name) return [];
    return [
      ...grants(spec["accessClusterRoleBinding"], () => undefined),
      ...grants(spec["accessRoleBinding"], (binding) => {
        const { namespace: bound } = record(record(binding["roleBinding"])["metadata"]);
        return typeof bound === "string" && bound !== "" ? bound : namespace;
      }),
    ];
  });
}

function grants(
  bindings: unknown,
  namespaceOf: (binding: Record<string, unknown>) => string | undefined,
): Grant[] {
  return listed(bindings).flatMap((binding) =>
    listed(binding["rules"]).map((rule) => ({ namespace: namespaceOf(binding), rule })),
  );
}

function record(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {};
}

function listed(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

/** As RBAC's PolicyRule: https://kubernetes.io/docs/reference/access-authn-authz/rbac/ */
function allows({ namespace, rule }: Grant, request: ResourceRequest): boolean {
  if (namespace !== undefined && namespace !== request.namespace) return false;
  const { id, verb, name, subresource } = request;
  const resources = texts(rule["resources"]);
  const full = subresource === undefined ? id.resource : `${id.resource}/${subresource}`;
  const names = texts(rule["resourceNames"]);
  return (
    has(texts(rule["verbs"]), verb) &&
    has(texts(rule["apiGroups"]), id.group) &&
    (has(resources, full) || (subresource !== undefined && resources.includes(`*/${subresource}`))) &&
    (names.length === 0 || (name !== undefined && names.includes(name)))
  );
}

function has(words: readonly string[], wanted: string): boolean {
  return words.includes("*") || words.includes(wanted);
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each): each is string => typeof each === "string") : [];
}

/**
 * Whether the other end of a connection is a process of root in this machine's own namespaces: kubectl sends no token over plain HTTP. A pod on the host's network has another mount namespace, though it
 * may be root too.
 */
function isHostRoot(socket: Socket): boolean {
  try {
    const inode = inodeOf(socket);
    if (inode === undefined) return false;
    // A service manager may have given this process a mount namespace of its own.
    const own = ["/proc/self/ns/mnt", "/proc/1/ns/mnt"].map((path) => target(path));
    const user = readlinkSync("/proc/self/ns/user");
    const holders = processesWith(`socket:[${inode}]`);
    return (
      holders.length > 0 &&
      holders.every(
        (pid) =>
          own.includes(readlinkSync(`/proc/${pid}/ns/mnt`)) && readlinkSync(`/proc/${pid}/ns/user`) === user,
      )
    );
  } catch {
    // It has gone meanwhile, or this is no Linux that tells.
    return false;
  }
}

/** Of a connection of user 0, by the kernel's table (proc(5), /proc/net/tcp). */
function inodeOf({ remoteAddress = "", remotePort, localPort }: Socket): string | undefined {
  if (!/^(?:::ffff:)?127\.|^::1$/.test(remoteAddress)) return undefined;
  const hex = (port: number | undefined) => (port ?? 0).toString(16).toUpperCase().padStart(4, "0");
  for (const file of ["/proc/self/net/tcp", "/proc/self/net/tcp6"])
    for (const line of readFileSync(file, "latin1").split("\n").slice(1)) {
      const [, local = "", remote = "", , , , , user, , inode] = line.trim().split(/\s+/);
      if (local.endsWith(`:${hex(remotePort)}`) && remote.endsWith(`:${hex(localPort)}`))
        return user === "0" && isLoopback(local) ? inode : undefined;
    }
  return undefined;
}

/** Bytes of a word are turned round there: 127.0.0.1 is 0100007F. */
function isLoopback(address: string): boolean {
  const [words = ""] = address.split(":");
  return words.endsWith("7F") || words === "00000000000000000000000001000000";
}

function processesWith(link: string): number[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const fds = readdirSync(`/proc/${name}/fd`);
      return fds.some((fd) => target(`/proc/${name}/fd/${fd}`) === link) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

function target(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
