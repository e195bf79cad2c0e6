/** ServiceBus: HTTP between the cloud and this node in both directions, by the Router's rules. */
import { join } from "node:path";
import { SampanError } from "../../../base/errors.ts";
import { message, respond, type Envelope } from "../../link/envelope.ts";
import {
  call,
  callReply,
  outwardCall,
  outwardReply,
  parseOutwardRequest,
  target,
  type HttpResponse,
  type OutwardResponse,
} from "../../link/kinds/user.ts";
import { KeptList } from "../eventbus/kept-list.ts";
import type { EdgeContext } from "../part.ts";
import { callLocally, parseTarget } from "./calls.ts";
import { LocalServer } from "./server.ts";

export type ServiceBusContext = Pick<EdgeContext, "root" | "link" | "clock" | "log" | "signal">;

export interface ServiceBusOptions {
  /** 127.0.0.1. */
  readonly host?: string;
  /** 9060; 0 for any that is free. */
  readonly port?: number;
  /** Ports of this node that the cloud may call; all when not said. */
  readonly ports?: readonly number[];
}

export interface ServiceBus extends AsyncDisposable {
  /** Of the server for local applications; undefined while no rule wants it. */
  readonly port: number | undefined;
}

/** Calls of the cloud that are under way at once; milliseconds that a local application waits. */
const limits = { calls: 64, answer: 60_000 } as const;

/** Errors: `unavailable` when a rule wants the server and its port is taken. */
export async function openServiceBus(
  context: ServiceBusContext,
  options: ServiceBusOptions = {},
): Promise<ServiceBus> {
  const bus = new Bus(
    context,
    options,
    new KeptList(join(context.root, "servicebus"), "target_urls.json", context.log),
  );
  await bus.settle();
  context.link.on("servicebus", async (given) => await bus.take(given));
  return bus;
}

class Bus implements ServiceBus {
  readonly #context: ServiceBusContext;
  readonly #options: ServiceBusOptions;
  readonly #targets: KeptList;
  readonly #ending = new AbortController();
  #server: LocalServer | undefined;
  #settling: Promise<void> = Promise.resolve();
  #calls = 0;

  constructor(context: ServiceBusContext, options: ServiceBusOptions, targets: KeptList) {
    this.#context = context;
    this.#options = options;
    this.#targets = targets;
  }

  get port(): number | undefined {
    return this.#server?.port;
  }

  /** The server is there while there is a rule. One after the other. */
  async settle(): Promise<void> {
    const before = this.#settling;
    this.#settling = (async () => {
      await before.catch(() => {});
      const wanted = this.#targets.items.size > 0 && !this.#ending.signal.aborted;
      if (wanted && !this.#server) {
        const { host = "127.0.0.1", port = 9060 } = this.#options;
        this.#server = await LocalServer.listen(
          { host, port },
          async (body, signal) => await this.#ask(body, signal),
        );
      } else if (!wanted && this.#server) {
        const server = this.#server;
        this.#server = undefined;
        await server[Symbol.asyncDispose]();
      }
    })();
    await this.#settling;
  }

  /** Never throws: nothing of it is acknowledged. A call is not waited for: the next message is not behind it. */
  async take(given: Envelope): Promise<void> {
    try {
      if (target.claims(given)) await this.#rule(given);
      else if (call.claims(given)) void this.#call(given);
      else throw new SampanError("unimplemented", "it means nothing here");
    } catch (error) {
      const what = `${given.route.operation} ${JSON.stringify(given.route.resource.slice(0, 80))}`;
      this.#context.log(`servicebus: the cloud's ${what} is left out: ${SampanError.from(error).message}`);
    }
  }

  async #rule({ route }: Envelope): Promise<void> {
    if (route.operation === "start") this.#targets.add(route.resource);
    else this.#targets.remove(route.resource);
    await this.settle();
  }

  async #call(given: Envelope): Promise<void> {
    const { link, clock, log } = this.#context;
    this.#calls += 1;
    try {
      const answer = await this.#answer(given);
      const route = { source: "servicebus", group: "user", operation: "upload", resource: "" } as const;
      link.send(respond(given, route, callReply.build(answer), { now: clock.now() }));
    } catch (error) {
      log(`servicebus: a call of the cloud is not answered: ${SampanError.from(error).message}`);
    } finally {
      this.#calls -= 1;
    }
  }

  async #answer(given: Envelope): Promise<HttpResponse> {
    try {
      if (this.#calls > limits.calls) throw new SampanError("resource_exhausted", "too many calls at once");
      const place = parseTarget(given.route.resource);
      const { ports } = this.#options;
      if (ports && !ports.includes(place.port))
        throw new SampanError("unavailable", `port ${place.port} is not one that may be called`);
      const asked = call.parse(given.content);
      const signal = AbortSignal.any([this.#context.signal, this.#ending.signal]);
      return await callLocally(place, given.route.operation, asked, { signal });
    } catch (error) {
      return failure(error);
    }
  }

  /** For a local application. */
  async #ask(body: Uint8Array, signal: AbortSignal): Promise<OutwardResponse> {
    const { link, clock } = this.#context;
    const { targetURL } = parseOutwardRequest(body);
    if (!this.#targets.items.has(targetURL))
      throw new SampanError(
        "permission_denied",
        `url ${targetURL} is not allowed and please make a rule for this url in the cloud`,
      );
    const route = { source: "servicebus", group: "user", operation: "upload", resource: targetURL } as const;
    const answer = await link.ask(message(route, outwardCall.build(body), { now: clock.now() }), {
      signal: AbortSignal.any([signal, this.#context.signal, this.#ending.signal]),
      deadline: limits.answer,
    });
    return {
      code: 200,
      msg: "receive response from cloud successfully",
      body: outwardReply.parse(answer.content),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.settle();
  }
}

/** What KubeEdge answers when there is no service that could. */
function failure(error: unknown): HttpResponse {
  const { code, message: text } = SampanError.from(error);
  const [status, body] =
    code === "invalid_argument"
      ? [400, text]
      : code === "resource_exhausted"
        ? [500, `error to receive response, err: ${text}`]
        : [404, "error to call service"];
  return { header: { Server: ["kubeedge-edgecore"] }, status_code: status, body: Buffer.from(body) };
}
