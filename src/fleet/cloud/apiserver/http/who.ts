/** Who a request comes from, and whether they may: 401 and 403. https://kubernetes.io/docs/reference/access-authn-authz/authentication/ */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { KubeError } from "../../../../spec/kubernetes/kube.ts";
import {
  anonymous,
  type Attributes,
  type Authorizer,
  type Credentials,
  type UserInfo,
} from "../auth/auth.ts";
import { refusal } from "../auth/refusal.ts";
import type { Parts } from "./exchange.ts";
import type { RequestInfo, ResourcePath } from "./request-info.ts";

/** The user of a request, after impersonation. KubeError `Unauthorized`, `Forbidden`. */
export async function identify(
  request: IncomingMessage,
  { authenticator, authorizer }: Pick<Parts, "authenticator" | "authorizer">,
): Promise<UserInfo> {
  const user = (await authenticator.authenticate(credentialsOf(request))) ?? anonymous;
  return impersonated(request, user, authorizer);
}

function credentialsOf(request: IncomingMessage): Credentials {
  const certificate = certificateOf(request.socket);
  const bearer = /^bearer\s+(\S+)\s*$/i.exec(request.headers.authorization ?? "")?.[1];
  return { ...(certificate ? { certificate } : {}), ...(bearer === undefined ? {} : { bearer }) };
}

type Certificate = NonNullable<Credentials["certificate"]>;
const seen = new WeakMap<Socket, Certificate>();

/** The peer's certificate, which holds as long as its connection. KubeError `Unauthorized` for one that is not of our CA or not valid. */
function certificateOf(socket: Socket): Certificate | undefined {
  const known = seen.get(socket);
  if (known || !(socket instanceof TLSSocket)) return known;
  const shown = socket.getPeerCertificate();
  const subject: Partial<Record<string, string | string[]>> | undefined = shown?.subject;
  if (!subject || Object.keys(subject).length === 0) return undefined;
  if (!socket.authorized) throw new KubeError("Unauthorized", "Unauthorized");
  const certificate = {
    commonName: listOf(subject["CN"])[0] ?? "",
    organizations: listOf(subject["O"]),
    until: Date.parse(shown.valid_to),
  };
  seen.set(socket, certificate);
  return certificate;
}

function listOf(value: string | string[] | undefined): string[] {
  if (value === undefined) return [];
  return typeof value === "string" ? value.split("\n") : value;
}

const prefix = "impersonate-";

/** The user that a request wants to be seen as, when it may. */
function impersonated(request: IncomingMessage, user: UserInfo, authorizer: Authorizer): UserInfo {
  const wanted = impersonation(request);
  if (!wanted) return user;
  if (wanted.name === "")
    throw new KubeError("InternalError", "Internal error occurred: requested impersonation without a user");
  for (const resource of impersonatedResources(wanted))
    must(authorizer, { user, verb: "impersonate", resource });
  return withUsualGroups(wanted);
}

function impersonation(request: IncomingMessage): UserInfo | undefined {
  const found: { name?: string; uid?: string } = {};
  const groups: string[] = [];
  const extra: Record<string, string[]> = Object.create(null);
  for (let index = 0; index + 1 < request.rawHeaders.length; index += 2) {
    const name = (request.rawHeaders[index] ?? "").toLowerCase();
    const value = request.rawHeaders[index + 1] ?? "";
    if (!name.startsWith(prefix)) continue;
    const what = name.slice(prefix.length);
    if (what === "user") found.name = value;
    else if (what === "uid") found.uid = value;
    else if (what === "group") groups.push(value);
    else if (what.startsWith("extra-")) (extra[extraKey(what)] ??= []).push(value);
    else throw new KubeError("BadRequest", `there is no header ${name}`);
  }
  if (found.name === undefined && found.uid === undefined && groups.length + Object.keys(extra).length === 0)
    return undefined;
  return { name: "", ...found, groups, extra };
}

/** `extra-example.com%2fteam` */
function extraKey(what: string): string {
  try {
    return decodeURIComponent(what.slice("extra-".length));
  } catch (error) {
    throw new KubeError("BadRequest", `the header ${prefix}${what} is not well encoded`, undefined, {
      cause: error,
    });
  }
}

const account = /^system:serviceaccount:([^:]+):([^:]+)$/;

function impersonatedResources(wanted: UserInfo): ResourcePath[] {
  const [, namespace, name] = account.exec(wanted.name) ?? [];
  const core = { group: "", version: "v1" };
  const authentication = { group: "authentication.k8s.io", version: "v1" };
  return [
    namespace !== undefined && name !== undefined
      ? { ...core, resource: "serviceaccounts", namespace, name }
      : { ...core, resource: "users", name: wanted.name },
    ...wanted.groups.map((group) => ({ ...core, resource: "groups", name: group })),
    ...(wanted.uid === undefined ? [] : [{ ...authentication, resource: "uids", name: wanted.uid }]),
    ...Object.entries(wanted.extra ?? {}).flatMap(([key, values]) =>
      values.map((value) => ({ ...authentication, resource: "userextras", subresource: key, name: value })),
    ),
  ];
}

function withUsualGroups(user: UserInfo): UserInfo {
  const [, namespace] = account.exec(user.name) ?? [];
  const own =
    namespace !== undefined && user.groups.length === 0
      ? ["system:serviceaccounts", `system:serviceaccounts:${namespace}`]
      : user.groups;
  const last = user.name === anonymous.name ? "system:unauthenticated" : "system:authenticated";
  return { ...user, groups: own.includes(last) ? own : [...own, last] };
}

/** KubeError `Forbidden` unless the user may do what is asked. */
export function permit(info: RequestInfo, user: UserInfo, authorizer: Authorizer): void {
  const { verb, resource, path, query } = info;
  if (!resource) return must(authorizer, { user, verb, path });
  const fieldSelector = query.get("fieldSelector");
  const selects = ["list", "watch", "deletecollection"].includes(verb) && fieldSelector !== null;
  must(authorizer, { user, verb, resource: { ...resource, ...(selects ? { fieldSelector } : {}) } });
}

function must(authorizer: Authorizer, attributes: Attributes): void {
  const { allowed, reason } = authorizer.authorize(attributes);
  if (!allowed) throw refusal(attributes, reason);
}
