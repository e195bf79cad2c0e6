/** Requests for objects: which resource, which verb; translates, and answers in the wanted form. */
import { KubeError, type KubeObject, type WriteOptions } from "../../../../spec/kubernetes/kube.ts";
import type { Encodable } from "../registry.ts";
import { patchTypesOf, type Resource } from "../resource.ts";
import type { Form } from "./accept.ts";
import { isPretty, send, sendObject } from "./answer.ts";
import {
  contentTypeOf,
  parseBody,
  parseJson,
  parseYaml,
  readBody,
  unsupported,
  type Parsed,
} from "./body.ts";
import { checkPlace, decodeObject, type Expected } from "./decode.ts";
import type { Exchange } from "./exchange.ts";
import { servePodStream } from "./pod-stream.ts";
import { deleteOptions, listOptions, patchOptions, writeOptions } from "./query.ts";
import { apiVersionOf, keyOf, notAllowed, renderingOf, type ResourceExchange } from "./resource-exchange.ts";
import { listMetadata, renderList, renderObject, type Rendering } from "./table.ts";
import { serveWatch } from "./watch.ts";

type Verb = (exchange: ResourceExchange) => Promise<void>;

const verbs: Readonly<Record<string, Verb>> = {
  get: serveGet,
  list: serveList,
  watch: serveWatch,
  create: serveCreate,
  update: serveUpdate,
  patch: servePatch,
  delete: serveDelete,
  deletecollection: serveDeleteCollection,
};

const podStreams = ["log", "exec", "attach", "portforward"];

/** KubeError `MethodNotAllowed` where the resource has no such verb, `NotFound` where it has no such subresource. */
export async function serveObjects(exchange: ResourceExchange): Promise<void> {
  const { resource, place, info } = exchange;
  if (resource.plural === "pods" && resource.group === "" && podStreams.includes(place.subresource ?? ""))
    return await servePodStream(exchange);
  const verb = verbs[info.verb];
  if (!verb || !allowed(exchange).includes(info.verb)) throw notAllowed();
  await verb(exchange);
}

/** The verbs of a resource, or of its subresource. */
function allowed({ resource, place, info }: ResourceExchange): readonly string[] {
  const { subresource, namespace } = place;
  if (subresource !== undefined) return subresourceVerbs(resource, subresource);
  if (info.verb === "list" || info.verb === "watch") return resource.verbs;
  const everywhere = resource.namespaced && namespace === undefined;
  const named = place.name !== undefined;
  // Collections are made in and deleted as a whole; the other verbs want a name.
  return everywhere || collective.has(info.verb) === named ? [] : resource.verbs;
}

const collective = new Set(["create", "deletecollection"]);
const readAndWrite = ["get", "update", "patch"];

function subresourceVerbs(resource: Resource, name: string): readonly string[] {
  if (name === "status" && resource.status) return readAndWrite;
  if (name === "scale" && resource.scale) return readAndWrite;
  const found = resource.subresources.find((each) => each.name === name);
  if (!found) throw new KubeError("NotFound", "the server could not find the requested resource", {});
  return found.verbs;
}

async function answer(
  exchange: ResourceExchange,
  encodable: Encodable,
  { rendering, code = 200 }: { rendering: Rendering; code?: number },
): Promise<void> {
  const { form } = rendering;
  if (isPlain(exchange, form)) await sendBytes(exchange, encodable.json(), code);
  else await sendObject(exchange, renderObject(encodable.object, rendering), { form, code });
}

/** Whether the bytes that an object has already are the answer: the object itself need not be parsed then. */
function isPlain(exchange: Exchange, { as, syntax }: Form): boolean {
  return as === undefined && syntax === "json" && !isPretty(exchange);
}

async function sendBytes(exchange: Exchange, body: Uint8Array, code = 200): Promise<void> {
  await send(exchange, { code, type: "application/json", body });
}

async function serveGet(exchange: ResourceExchange): Promise<void> {
  const rendering = renderingOf(exchange);
  const { parts, resource, context } = exchange;
  await answer(exchange, await parts.registry.get(resource, keyOf(exchange), context), { rendering });
}

async function serveList(exchange: ResourceExchange): Promise<void> {
  const rendering = renderingOf(exchange);
  const { parts, resource, context, info, place } = exchange;
  const options = listOptions(info.query, place.namespace);
  const list = await parts.registry.list(resource, { ...options, signal: exchange.signal }, context);
  const { form } = rendering;
  if (form.as !== undefined) return await sendObject(exchange, renderList(list, rendering), { form });
  const head = { kind: resource.listKind, apiVersion: apiVersionOf(resource), metadata: listMetadata(list) };
  if (isPlain(exchange, form)) await sendBytes(exchange, joined(head, list.encodables));
  else await sendObject(exchange, { ...head, items: list.items }, { form });
}

/** A list's JSON from the bytes that its objects have already. */
function joined(head: object, encodables: readonly Encodable[]): Uint8Array {
  const comma = Buffer.from(",");
  const parts: Uint8Array[] = [Buffer.from(`${JSON.stringify(head).slice(0, -1)},"items":[`)];
  encodables.forEach((each, index) => parts.push(...(index === 0 ? [] : [comma]), each.json()));
  parts.push(Buffer.from("]}"));
  return Buffer.concat(parts);
}

async function readObject(exchange: ResourceExchange, options: WriteOptions): Promise<KubeObject> {
  const parsed = parseBody(await bodyOf(exchange), contentTypeOf(exchange.request));
  reportDuplicates(exchange, parsed, options);
  return decodeObject(parsed, expectedOf(exchange, parsed));
}

async function bodyOf({ request, bodies, signal }: Exchange): Promise<Buffer> {
  return await readBody(request, { budget: bodies, signal });
}

function reportDuplicates(
  { resource, context }: ResourceExchange,
  parsed: Parsed,
  options: WriteOptions,
): void {
  const complaints = parsed.duplicates.map((path) => `duplicate field ${JSON.stringify(path)}`);
  if (complaints.length === 0 || options.fieldValidation === "Ignore") return;
  if (options.fieldValidation === "Strict")
    throw new KubeError(
      "BadRequest",
      `${resource.kind} in version ${JSON.stringify(resource.version)} cannot be handled as a ${resource.kind}: strict decoding error: ${complaints.join(", ")}`,
    );
  for (const complaint of complaints) context.warn(complaint);
}

/** What the body must be: the resource's kind, or that of the subresource. */
function expectedOf({ resource, place }: ResourceExchange, { value }: Parsed): Expected {
  const own = { kind: resource.kind, apiVersion: apiVersionOf(resource) };
  const { subresource } = place;
  if (subresource === undefined || subresource === "status") return own;
  if (subresource === "scale") return { kind: "Scale", apiVersion: "autoscaling/v1" };
  const found = resource.subresources.find((each) => each.name === subresource);
  if (!found) return own;
  const apiVersion = apiVersionOf(found);
  // Evictions are sent in two versions that mean the same.
  const given = (value as { apiVersion?: unknown } | null)?.apiVersion;
  const older = subresource === "eviction" && given === "policy/v1beta1";
  return { kind: found.kind, apiVersion: older ? "policy/v1beta1" : apiVersion };
}

async function serveCreate(exchange: ResourceExchange): Promise<void> {
  const rendering = renderingOf(exchange);
  const { parts, resource, context, info, place } = exchange;
  const options = writeOptions(info.query, "CreateOptions");
  const object = await readObject(exchange, options);
  checkPlace(object, place);
  if (place.name !== undefined) {
    const key = keyOf(exchange);
    const made = await parts.registry.createSubresource(resource, key, object, options, context);
    return await sendObject(exchange, made, { form: rendering.form, code: 201 });
  }
  const where = place.namespace === undefined ? {} : { namespace: place.namespace };
  const created = await parts.registry.create(resource, where, object, options, context);
  await answer(exchange, created, { rendering, code: 201 });
}

async function serveUpdate(exchange: ResourceExchange): Promise<void> {
  const rendering = renderingOf(exchange);
  const { parts, resource, context, info } = exchange;
  const options = writeOptions(info.query, "UpdateOptions");
  const object = await readObject(exchange, options);
  const key = keyOf(exchange);
  checkPlace(object, key);
  const updated = await parts.registry.update(resource, key, object, options, context);
  await answer(exchange, updated, { rendering, code: updated.created ? 201 : 200 });
}

async function servePatch(exchange: ResourceExchange): Promise<void> {
  const rendering = renderingOf(exchange);
  const { parts, resource, context, info, request } = exchange;
  const types = patchTypesOf(resource);
  const type = types.find((each) => each === contentTypeOf(request));
  if (!type) throw unsupported(types);
  const options = patchOptions(info.query, type);
  const bytes = await bodyOf(exchange);
  const parsed = type === "application/apply-patch+yaml" ? parseYaml(bytes) : parseJson(bytes);
  reportDuplicates(exchange, parsed, options);
  const patched = await parts.registry.patch(resource, keyOf(exchange), parsed.value, options, context);
  await answer(exchange, patched, { rendering, code: patched.created ? 201 : 200 });
}

async function deletion(exchange: ResourceExchange) {
  const bytes = await bodyOf(exchange);
  const body = bytes.length === 0 ? undefined : parseBody(bytes, contentTypeOf(exchange.request)).value;
  return deleteOptions(exchange.info.query, body);
}

/** Kinds of which a deletion answers with what was deleted; of the others with a Status. */
const returned = new Set([
  "pods",
  "services",
  "serviceaccounts",
  "persistentvolumes",
  "persistentvolumeclaims",
  "podtemplates",
  "resourcequotas",
]);

async function serveDelete(exchange: ResourceExchange): Promise<void> {
  const rendering = renderingOf(exchange);
  const { parts, resource, context } = exchange;
  const options = await deletion(exchange);
  const deleted = await parts.registry.delete(resource, keyOf(exchange), options, context);
  const { group, plural } = resource;
  if (!deleted.gone || (group === "" && returned.has(plural)))
    return await answer(exchange, deleted, { rendering });
  const { name, uid } = deleted.object.metadata;
  const details = { name, ...(group === "" ? {} : { group }), kind: plural, uid };
  const status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details };
  await sendObject(exchange, status, { form: rendering.form });
}

async function serveDeleteCollection(exchange: ResourceExchange): Promise<void> {
  const rendering = renderingOf(exchange);
  const { parts, resource, context, info, place } = exchange;
  const selected = listOptions(info.query, place.namespace);
  const options = await deletion(exchange);
  const list = await parts.registry.deleteCollection(resource, selected, options, context);
  const { form } = rendering;
  const whole = {
    kind: resource.listKind,
    apiVersion: apiVersionOf(resource),
    metadata: listMetadata(list),
    items: list.items,
  };
  await sendObject(exchange, formed(form) ? renderList(list, rendering) : whole, { form });
}

const formed = (form: Form) => form.as !== undefined;
