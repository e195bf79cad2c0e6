/** What one request of an edge is, and what its handlers have at hand. */
import type { Clock } from "../../../base/clock.ts";
import { forbidden } from "../../../spec/kubernetes/errors.ts";
import type { KubeClient, KubeError, KubeObject, ResourceId } from "../../../spec/kubernetes/kube.ts";
import type { Envelope } from "../../link/envelope.ts";
import type { UserInfo } from "../apiserver/auth/auth.ts";
import { nodesGroup, nodeUserPrefix } from "../apiserver/auth/node/names.ts";
import type { Edge, Hub } from "../hub/hub.ts";
import type { Informer } from "../informer/informer.ts";
import { named } from "./ids.ts";
import type { Inventory } from "./inventory.ts";
import { Rate } from "./rate.ts";
import type { LeaseDesk } from "./requests/leases.ts";

export interface Office {
  /** Tells the informers of what it writes. */
  readonly client: KubeClient;
  readonly hub: Hub;
  readonly inventory: Inventory;
  readonly nodes: Informer;
  readonly configMaps: Informer;
  readonly secrets: Informer;
  readonly claims: Informer;
  readonly volumes: Informer;
  readonly leases: LeaseDesk;
  readonly rates: Rates;
  readonly clock: Clock;
}

/** Of what an edge makes anew each time. */
export interface Rates {
  readonly events: Rate;
  readonly certificates: Rate;
  readonly mirrors: Rate;
}

export function openRates(clock: Clock): Rates {
  return {
    events: new Rate({ clock, of: "events", burst: 100, perSecond: 10 }),
    certificates: new Rate({ clock, of: "certificate requests", burst: 10, perSecond: 1 / 60 }),
    mirrors: new Rate({ clock, of: "mirror pods", burst: 200, perSecond: 1 }),
  };
}

export interface Request {
  readonly edge: Edge;
  /** Who asks: by the session, whatever the message says. */
  readonly node: string;
  readonly envelope: Envelope;
  /** "" for an object of the cluster. */
  readonly namespace: string;
  readonly name: string;
  readonly signal: AbortSignal;
}

/** Gives the object to answer with; undefined where the answer is OK or none. What it throws is the answer. */
export type Handler = (office: Office, request: Request) => Promise<KubeObject | undefined>;

/** The refusal of what is another's: it says nothing of whether it exists. */
export function refuse(id: ResourceId, { name }: Pick<Request, "name">, why: string): KubeError {
  return forbidden(named(id), name, { why });
}

/** As whom a node is looked at by the rules of the API for nodes. */
export function userOf(node: string): UserInfo {
  return { name: `${nodeUserPrefix}${node}`, groups: [nodesGroup, "system:authenticated"] };
}
