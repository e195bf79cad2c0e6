/** The Router: joins REST in the cloud with topics and services at nodes, as Rules say. */
import { message } from "../../link/envelope.ts";
import { subscription, target } from "../../link/kinds/user.ts";
import type { CloudContext } from "../part.ts";
import { known } from "../status/known.ts";
import { openStatusPlaces } from "../status/place.ts";
import type { Listening } from "./compile.ts";
import { Counts } from "./counts.ts";
import { answerRest } from "./inward.ts";
import { endpoints, nodes, rules } from "./kinds.ts";
import { takeOutward, type TargetOptions } from "./outward.ts";
import { openRest, type RestServer } from "./rest.ts";
import { RuleTable } from "./table.ts";

export interface RouterOptions extends TargetOptions {
  /** Where REST is served; without it rules from REST do nothing. KubeEdge: port 9443. 127.0.0.1 when not said. */
  readonly host?: string;
  readonly port?: number;
}

export interface Router extends AsyncDisposable {
  /** Of REST, when it is served. */
  readonly port: number | undefined;
}

/** Resolves when it knows all rules and listens. Errors: `unavailable` when the address is taken. */
export async function startRouter(context: CloudContext, options: RouterOptions = {}): Promise<Router> {
  const { client, informers, hub, clock, log } = context;
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const counts = new Counts({
    client,
    informers,
    places: openStatusPlaces(client, clock),
    clock,
    log,
    signal,
  });
  const table = new RuleTable(informers, {
    onListening: (what, isOn) => hub.send(what.node, listeningMessage(what, isOn)),
    onFault: ({ metadata: { namespace = "", name = "" } }, reason) => {
      log(`rule "${namespace}/${name}": ${reason}`);
      counts.fault(`${namespace}/${name}`, reason);
    },
  });
  await known(context, [rules, endpoints, nodes]);
  table.begin();
  // KubeEdge loses what it says while a node is away.
  hub.onConnect(({ node }) => {
    for (const what of table.listeningOf(node)) hub.send(node, listeningMessage(what, true));
  });
  hub.on("router", takeOutward({ ...context, signal, table, counts, targets: options }));
  const rest = await openRestOf(options, { ...context, table, counts });
  return {
    port: rest?.port,
    async [Symbol.asyncDispose]() {
      await rest?.[Symbol.asyncDispose]();
      stop.abort();
      await counts.settled();
    },
  };
}

function openRestOf(
  { host = "127.0.0.1", port }: RouterOptions,
  parts: Parameters<typeof answerRest>[0],
): Promise<RestServer> | undefined {
  if (port === undefined) return undefined;
  return openRest({ host, port, answer: (request, signal) => answerRest(parts, request, signal) });
}

function listeningMessage({ bus, resource }: Listening, isOn: boolean) {
  return bus === "eventbus"
    ? message(
        { source: "router_eventbus", group: "user", operation: isOn ? "subscribe" : "unsubscribe", resource },
        subscription.build(null),
      )
    : message(
        { source: "router_servicebus", group: "user", operation: isOn ? "start" : "stop", resource },
        target.build(null),
      );
}
