/** One request of MetaServer at the Kubernetes API, and what it answers with. */
import { badRequest, methodNotAllowed } from "../../../spec/kubernetes/errors.ts";
import {
  KubeError,
  type KubeClient,
  type KubeObject,
  type ObjectKey,
  type ResourceId,
} from "../../../spec/kubernetes/kube.ts";
import type { Application, Key, Verb } from "../../link/kinds/application.ts";
import { refusal, type Access, type Allowed, type Asked } from "./access.ts";
import { adapt, type Neighbours } from "./adapt.ts";
import { listWhole, type Page } from "./list.ts";
import { deleteOptions, listOptions, patchOptions, readJson, writeOptions } from "./options.ts";

export type ResourceKey = Extract<Key, { readonly is: "resource" }>;

export interface Desk {
  readonly client: KubeClient;
  readonly access: Access;
  readonly neighbours: Neighbours;
  /** What a node has of a kind, where that is known without asking. */
  readonly own: (node: string, id: ResourceId) => readonly KubeObject[] | undefined;
}

export interface Call {
  readonly node: string;
  readonly key: ResourceKey;
  readonly application: Application;
  readonly signal: AbortSignal;
}

const rbacVerbs: Readonly<Record<Verb, string>> = {
  get: "get",
  list: "list",
  watch: "watch",
  create: "create",
  delete: "delete",
  update: "update",
  updatestatus: "update",
  patch: "patch",
};

export function askedOf(
  { key, application }: Pick<Call, "key" | "application">,
  subresource?: string,
): Asked {
  const { group, version, resource, namespace, name } = key;
  return {
    verb: rbacVerbs[application.Verb],
    group,
    version,
    resource,
    ...(subresource ? { subresource } : {}),
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
  };
}

/** JSON of the object or list. Rejects with a KubeError. */
export async function answer(desk: Desk, call: Call): Promise<string> {
  const { Verb: verb } = call.application;
  if (verb === "watch") throw methodNotAllowed("watch");
  return await verbs[verb](desk, call);
}

const verbs: Readonly<Record<Exclude<Verb, "watch">, (desk: Desk, call: Call) => Promise<string>>> = {
  get,
  list,
  create,
  update: async (desk, call) => await update(desk, call, call.application.Subresource),
  updatestatus: async (desk, call) => await update(desk, call, "status"),
  patch,
  delete: remove,
};

function placeOf({ key: { namespace, name } }: Call, subresource = ""): ObjectKey {
  if (name === undefined) throw badRequest("the request names no object");
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(subresource === "" ? {} : { subresource }),
  };
}

const idOf = ({ key: { group, version, resource } }: Call): ResourceId => ({ group, version, resource });

async function get(desk: Desk, call: Call): Promise<string> {
  const { client, access, neighbours } = desk;
  const { node, signal, application } = call;
  const place = placeOf(call, application.Subresource);
  const asked = askedOf(call, application.Subresource);
  const allowed = access.authorize(node, asked);
  const found = await client.get(idOf(call), place, signal).catch((error: unknown) => {
    // Whether an object that is another's is there is not for the node to know.
    if (error instanceof KubeError && error.reason === "NotFound" && allowed)
      requireAllowed(call, asked, { object: unknownObject(place), allowed });
    throw error;
  });
  requireAllowed(call, asked, { object: found, allowed });
  return JSON.stringify(bare(adapt(found, node, neighbours)));
}

/** Nothing of it is known but its place. */
function unknownObject({ namespace, name }: ObjectKey): KubeObject {
  return { apiVersion: "", kind: "", metadata: namespace === undefined ? { name } : { namespace, name } };
}

function requireAllowed(
  { node }: Call,
  asked: Asked,
  { object, allowed }: { object: KubeObject; allowed: Allowed },
): void {
  if (allowed && !allowed(object)) throw refusal(node, asked, "it is not the node's own");
}

async function list(desk: Desk, call: Call): Promise<string> {
  const { client, access, neighbours } = desk;
  const { node, key, signal } = call;
  const allowed = access.authorize(node, askedOf(call));
  const options = listOptions(readJson(call.application.Option, "Option"));
  const known = allowed ? desk.own(node, idOf(call)) : undefined;
  const place = key.namespace === undefined ? {} : { namespace: key.namespace };
  const selecting = { ...options, ...place, ...(key.name === undefined ? {} : { name: key.name }) };
  const change = (page: Page): readonly KubeObject[] =>
    page.filter((each) => !allowed || allowed(each)).map((each) => bare(adapt(each, node, neighbours)));
  return await listWhole(client, idOf(call), { ...selecting, signal, change, ...(known ? { known } : {}) });
}

function bodyOf(call: Call): KubeObject {
  const body = readJson(call.application.ReqBody, "ReqBody");
  const { metadata } = body;
  if (typeof body["kind"] !== "string" || typeof body["apiVersion"] !== "string")
    throw badRequest("the object has no kind or apiVersion");
  if (typeof metadata !== "object" || metadata === null) throw badRequest("the object has no metadata");
  const { namespace, name } = call.key;
  const object = { ...body, metadata: { ...metadata } } as KubeObject;
  const said = object.metadata;
  if (said.namespace && said.namespace !== namespace)
    throw badRequest("the namespace of the object does not match the namespace of the request");
  if (name !== undefined && said.name !== undefined && said.name !== name)
    throw badRequest("the name of the object does not match the name of the request");
  if (namespace === undefined) delete said.namespace;
  else said.namespace = namespace;
  if (name !== undefined) said.name = name;
  return object;
}

/** A role must be there for it: of what is a node's own nothing is made or taken away by MetaServer. */
function requireRole(desk: Desk, call: Call, subresource: string): void {
  const asked = askedOf(call, subresource);
  const allowed = desk.access.authorize(call.node, asked);
  if (allowed) throw refusal(call.node, asked, "no role allows it");
}

async function create(desk: Desk, call: Call): Promise<string> {
  const { Subresource: subresource, Option } = call.application;
  requireRole(desk, call, subresource);
  const options = { ...writeOptions(readJson(Option, "Option")), signal: call.signal };
  const subresourceOf = subresource === "" ? {} : { subresourceOf: placeOf(call, subresource) };
  // A name is that of the object whose subresource it is; what is made names itself.
  const { name: _, ...key } = call.key;
  const body = bodyOf(subresource === "" ? { ...call, key } : call);
  return JSON.stringify(bare(await desk.client.create(idOf(call), body, { ...options, ...subresourceOf })));
}

async function update(desk: Desk, call: Call, subresource: string): Promise<string> {
  const asked = askedOf(call, subresource);
  const allowed = desk.access.authorize(call.node, asked);
  const body = bodyOf(call);
  const place = placeOf(call);
  if (allowed) {
    const present = await desk.client.get(idOf(call), place, call.signal);
    requireAllowed(call, asked, { object: present, allowed });
    // It stays the node's own, and is the one that was looked at.
    requireAllowed(call, asked, { object: body, allowed });
    body.metadata.uid ??= present.metadata.uid ?? "";
    body.metadata.resourceVersion ??= present.metadata.resourceVersion ?? "";
  }
  const options = { ...writeOptions(readJson(call.application.Option, "Option")), signal: call.signal };
  const of = subresource === "" ? {} : { subresource };
  return JSON.stringify(bare(await desk.client.update(idOf(call), body, { ...options, ...of })));
}

async function patch(desk: Desk, call: Call): Promise<string> {
  const given = patchOptions(readJson(call.application.Option, "Option"));
  const subresource = given.subresource ?? call.application.Subresource;
  requireRole(desk, call, subresource);
  const { type, data, options } = given;
  const place = placeOf(call, subresource);
  const done = await desk.client.patch(idOf(call), place, data, { ...options, type, signal: call.signal });
  return JSON.stringify(bare(done));
}

async function remove(desk: Desk, call: Call): Promise<string> {
  requireRole(desk, call, call.application.Subresource);
  const options = deleteOptions(readJson(call.application.Option, "Option"));
  const place = placeOf(call, call.application.Subresource);
  return JSON.stringify(
    bare(await desk.client.delete(idOf(call), place, { ...options, signal: call.signal })),
  );
}

function bare(object: KubeObject): KubeObject {
  const { metadata } = object as { metadata?: KubeObject["metadata"] };
  if (!metadata?.managedFields) return object;
  const { managedFields: _, ...rest } = metadata;
  return { ...object, metadata: rest };
}
