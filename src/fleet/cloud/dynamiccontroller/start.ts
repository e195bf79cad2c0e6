/** DynamicController: the requests of the edges' MetaServers to the Kubernetes API. */
import { SampanError } from "../../../base/errors.ts";
import { tooLarge as requestTooLarge } from "../../../spec/kubernetes/errors.ts";
import { KubeError, type KubeObject, type ResourceId } from "../../../spec/kubernetes/kube.ts";
import { respond, type Envelope } from "../../link/envelope.ts";
import * as kinds from "../../link/kinds/application.ts";
import { statusOf, isOwnFault } from "../edgecontroller/answer.ts";
import { ids } from "../edgecontroller/ids.ts";
import { inventoryOf, type Inventory, type Referred } from "../edgecontroller/inventory.ts";
import { Lanes } from "../edgecontroller/lanes.ts";
import { listed, listedSoon } from "../edgecontroller/listed.ts";
import { weigh } from "../edgecontroller/weigh.ts";
import type { Edge } from "../hub/hub.ts";
import type { Informers } from "../informer/informers.ts";
import { writeThrough } from "../informer/write-through.ts";
import type { CloudContext } from "../part.ts";
import { Roles } from "../policycontroller/roles.ts";
import { openAccess, type AccessMode } from "./access.ts";
import { largestAnswer, tooLarge } from "./list.ts";
import { answer, type Desk } from "./requests.ts";
import { Watches } from "./watches.ts";

export interface DynamicOptions {
  /** `node` without it: what is the node's own, and what roles give. `all`: whatever the cloud may, as KubeEdge has it. */
  readonly access?: AccessMode;
  /** Asks the API for a path that is no resource (`/version`, `/openapi/v2`); gives its JSON. Without it such requests are rejected. */
  readonly readPath?: (path: string, signal: AbortSignal) => Promise<unknown>;
}

/** Bytes of what is to be written: what the API takes. */
const largestRequest = 3 << 20;
/** The same in base64, with what is around it. */
const largestMessage = 5 << 20;
/** An edge waits ten seconds for an answer. */
const bounds = { together: 4, waiting: 256, bytes: 16 << 20, deadline: 10_000 } as const;
/** Milliseconds for the first list of roles, without which a node has what is its own. */
const patience = 10_000;
const services: ResourceId = { group: "", version: "v1", resource: "services" };

type Application = kinds.Application;

export async function startDynamicController(
  context: CloudContext,
  options: DynamicOptions = {},
): Promise<AsyncDisposable> {
  const { hub, informers, clock, log, signal } = context;
  const followed = {
    pods: informers.of(ids.pods),
    nodes: informers.of(ids.nodes),
    services: informers.of(services),
  };
  const roles = Roles.of(informers);
  await listed(Object.values(followed), signal);
  if (options.access !== "all") await listedSoon(roles.informers, { clock, signal, milliseconds: patience });
  const inventory = inventoryOf(followed.pods);
  const neighbours = { nodes: followed.nodes.store, services: followed.services.store };
  const client = writeThrough(context.client, informers);
  const access = openAccess({ mode: options.access ?? "node", inventory, roles });
  const watches = new Watches({ hub, client, informers, access, inventory, neighbours, clock, log });
  watches.followNeighbours(followed.nodes, followed.services);
  const desk: Desk = { client, access, neighbours, own: ownObjects(informers, inventory) };
  const office: Office = { context, desk, watches, options };
  const lanes = new Lanes({ ...bounds, clock });
  hub.on("dynamic", async (edge, envelope) => {
    const isSync = kinds.watchSync.claims(envelope);
    const verb = (envelope.content as { readonly Verb?: unknown } | null)?.Verb;
    // Watches of an edge begin and end in its order; all else goes together.
    const lane = isSync || verb === "watch" ? "watch" : envelope.id;
    const serve = isSync ? sync : request;
    try {
      const weight = weigh(envelope.content, largestMessage);
      if (weight > largestMessage) throw requestTooLarge(largestRequest);
      await lanes.take(edge, { key: lane, weight }, (limit) =>
        serve(office, { edge, envelope, signal: limit }),
      );
    } catch (error) {
      if (!isSync) reject(office, { edge, envelope, signal }, error);
      else log(`cannot take the watches of node "${edge.node}": ${SampanError.from(error).message}`);
    }
  });
  return { [Symbol.asyncDispose]: async () => {} };
}

interface Office {
  readonly context: CloudContext;
  readonly desk: Desk;
  readonly watches: Watches;
  readonly options: DynamicOptions;
}

interface Serving {
  readonly edge: Edge;
  readonly envelope: Envelope;
  readonly signal: AbortSignal;
}

async function request(office: Office, serving: Serving): Promise<void> {
  const { edge, envelope, signal } = serving;
  try {
    const application = kinds.request.parse(envelope.content);
    const size = (application.ReqBody?.length ?? 0) + (application.Option?.length ?? 0);
    if (size > largestRequest) throw requestTooLarge(largestRequest);
    const body = await work(office, serving, application);
    if (body !== undefined && Buffer.byteLength(body) > largestAnswer) throw tooLarge();
    send(office, serving, {
      ...application,
      Nodename: edge.node,
      RespBody: body === undefined ? null : new TextEncoder().encode(body),
      Status: "Approved",
    });
  } catch (error) {
    const told = signal.aborted
      ? new SampanError("deadline_exceeded", "the cloud took too long over it", { cause: error })
      : error;
    reject(office, serving, told);
  }
}

/** JSON of what is answered; nothing for a watch, whose objects come by themselves. */
async function work(
  office: Office,
  { edge, signal }: Serving,
  application: Application,
): Promise<string | undefined> {
  const key = kinds.parseKey(application.Key);
  if (key.is === "path") {
    const { readPath } = office.options;
    if (application.Verb !== "get" || !readPath)
      throw new KubeError("NotFound", `the cloud does not pass on ${application.Verb} ${key.path}`);
    return JSON.stringify(await readPath(key.path, signal));
  }
  if (application.Verb !== "watch")
    return await answer(office.desk, { node: edge.node, key, application, signal });
  await office.watches.begin(edge, key, { application, signal });
  return undefined;
}

function reject(office: Office, serving: Serving, error: unknown): void {
  const { context } = office;
  const { edge, envelope } = serving;
  if (edge.signal.aborted) return;
  if (isOwnFault(error))
    context.log(`cannot answer MetaServer of node "${edge.node}": ${SampanError.from(error).message}`);
  const given = readable(envelope);
  if (given) send(office, serving, rejected(given, edge, error));
}

/** Undefined: it is no request, so that there is nothing to answer with. */
function readable({ content }: Envelope): Application | undefined {
  try {
    return kinds.request.parse(content);
  } catch {
    return undefined;
  }
}

function rejected(application: Application, edge: Edge, error: unknown): Application {
  const status = statusOf(error);
  return {
    ...application,
    Nodename: edge.node,
    Status: "Rejected",
    Reason: status.message ?? "",
    Error: { ErrStatus: status },
  };
}

function send({ context }: Office, { edge, envelope }: Serving, application: Application): void {
  if (envelope.id === "") return;
  const { hub, clock } = context;
  const route = {
    source: "dynamiccontroller",
    group: "resource",
    operation: "applicationResponse",
    resource: "ignore/Application/ignore",
  };
  const content = kinds.response.build(application);
  hub.send(edge.node, respond(envelope, route, content, { now: clock.now() }));
}

/** The watches that live at the edge: others end here, and those that are not known here begin. Answered with those that could not. */
async function sync(office: Office, { edge, envelope, signal }: Serving): Promise<void> {
  const live = kinds.watchSync.parse(envelope.content ?? {});
  const byId = new Map(Object.values(live).map((each) => [each.ID, each]));
  const failed: Record<string, Application> = {};
  for (const id of office.watches.keep(edge, new Set(byId.keys()))) {
    const application = byId.get(id);
    if (application) Object.assign(failed, await resume(office, { edge, envelope, signal }, application));
  }
  if (envelope.id === "" || edge.signal.aborted) return;
  const { hub, clock } = office.context;
  const route = { source: "dynamiccontroller", group: "resource", operation: "applicationResponse" };
  const content = kinds.watchSyncReply.build(failed);
  hub.send(edge.node, respond(envelope, route, content, { now: clock.now() }));
}

async function resume(
  office: Office,
  { edge, signal }: Serving,
  application: Application,
): Promise<Record<string, Application>> {
  try {
    const key = kinds.parseKey(application.Key);
    if (key.is === "path" || application.Verb !== "watch")
      throw new KubeError("BadRequest", `${application.Verb} ${application.Key} is no watch`);
    await office.watches.begin(edge, key, { application, signal });
    return {};
  } catch (error) {
    return { [application.ID]: rejected(application, edge, error) };
  }
}

/** From what is followed anyway: a node that lists its secrets costs no look at all secrets. */
function ownObjects(informers: Informers, inventory: Inventory): Desk["own"] {
  return (node, { group, resource }) => {
    if (group !== "") return undefined;
    if (resource === "pods") return inventory.podsOf(node);
    const store = informers.find({ group, version: "v1", resource })?.store;
    if (!store) return undefined;
    if (resource === "nodes") return [store.get(undefined, node)].filter((each) => each !== undefined);
    if (!isReferred(resource)) return undefined;
    const found: KubeObject[] = [];
    for (const reference of inventory.referencesOf(node)) {
      const object =
        reference.resource === resource ? store.get(reference.namespace, reference.name) : undefined;
      if (object) found.push(object);
    }
    return found;
  };
}

function isReferred(resource: string): resource is Referred {
  return ["secrets", "configmaps", "persistentvolumeclaims", "serviceaccounts"].includes(resource);
}
