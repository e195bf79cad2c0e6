/**
 * EdgeHub: keeps one connection to one of several clouds, and gives what comes over it to those who take it. Nothing here holds what the edge runs: a link that falls is a state and no error.
 */
import type { Clock } from "../../../base/clock.ts";
import { pause } from "../../../base/clock.ts";
import { invalid, SampanError } from "../../../base/errors.ts";
import type { Envelope } from "../../link/envelope.ts";
import { isNodeName } from "../../link/resources.ts";
import { parseAddress } from "./address.ts";
import { backoff } from "./_backoff.ts";
import { dial, project, type Outcome } from "./_dial.ts";
import type { AskOptions, CloudLink } from "./hub.ts";
import type { NodeKeys } from "./keys.ts";
import { openReceiver, type Handler, type Target } from "./_receive.ts";
import { openSession, type Session } from "./_session.ts";
import { openWaiters } from "./_waiters.ts";

export interface LinkOptions {
  readonly node: string;
  /** `<host>:<port>` each, in the order of preference; 10000 where the port is left out. */
  readonly addresses: readonly string[];
  readonly keys: NodeKeys;
  readonly clock: Clock;
  readonly log: (text: string) => void;
  readonly signal: AbortSignal;
  /** False: it dials when `start` is called, after all who take messages have said so. True when not said. */
  readonly dials?: boolean;
  readonly project?: string;
  readonly times?: Partial<LinkTimes>;
  readonly random?: () => number;
  /** What a cloud's clock shows, milliseconds since 1970; asked when certificates are refused for their dates. It is told, and trusted in nothing. */
  readonly cloudTime?: (address: string, signal: AbortSignal) => Promise<number | undefined>;
}

/** Milliseconds. */
export interface LinkTimes {
  /** Between two keepalives; a cloud of KubeEdge lets go after 30 s without one. */
  readonly heartbeat: number;
  /** Silence after which the cloud is asked whether it is there. */
  readonly quiet: number;
  /** For its answer. */
  readonly patience: number;
  /** For TCP, TLS and the upgrade. */
  readonly dial: number;
  /** For TCP alone in most attempts, so that one begins soon after a cut is over; each fifth may take as long as `dial` for the sake of slow links. */
  readonly reach: number;
  /** Bounds of the first wait before another attempt, and of all. */
  readonly first: number;
  readonly most: number;
  /** After which a connection counts as good. */
  readonly stable: number;
}

const times: LinkTimes = {
  heartbeat: 15_000,
  quiet: 3_500,
  patience: 1_400,
  dial: 10_000,
  reach: 1_500,
  first: 1_000,
  most: 30_000,
  stable: 10_000,
};

const limits = {
  /** Bytes that may wait to be sent. */
  unsent: 16 << 20,
  questions: 1_000,
} as const;

/** Of so many attempts one has the whole time. Not even, so that with several addresses each has its turn. */
const patientTurns = 5;
const answerDeadline = 10_000;
/** Milliseconds between two questions what time it is. */
const timeAgain = 60_000;

export type Link = CloudLink & AsyncDisposable & { start(): void };

/** Resolves at once: the connection comes when it comes. Errors: `invalid_argument` for names and addresses. */
export async function openLink(options: LinkOptions): Promise<Link> {
  if (!isNodeName(options.node)) throw invalid(`cannot use node name "${options.node}": it is no DNS name`);
  if (options.addresses.length === 0) throw invalid("cannot connect to a cloud: no address of one is given");
  for (const address of options.addresses) parseAddress(address, 10_000);
  const link = new EdgeLink(options);
  if (options.dials !== false) link.start();
  return link;
}

class EdgeLink implements Link {
  readonly node: string;
  readonly #options: LinkOptions;
  readonly #times: LinkTimes;
  readonly #end = new AbortController();
  readonly #handlers = new Map<Target, Handler>();
  readonly #watchers = new Set<(connected: boolean) => void>();
  readonly #waiters;
  readonly #receiver;
  #session: Session | undefined;
  #running: Promise<void> | undefined;
  #told = "";
  #askedTime = Number.NEGATIVE_INFINITY;

  constructor(options: LinkOptions) {
    this.node = options.node;
    this.#options = options;
    this.#times = { ...times, ...options.times };
    this.#waiters = openWaiters(options.clock, limits.questions);
    this.#receiver = openReceiver({
      handlers: this.#handlers,
      waiters: this.#waiters,
      send: (message) => this.send(message),
      now: () => options.clock.now(),
      log: options.log,
      overrun: () => this.#session?.end("more came than could be kept"),
    });
  }

  get connected(): boolean {
    return this.#session !== undefined;
  }

  get ours(): boolean {
    return this.#session?.ours === true;
  }

  start(): void {
    this.#running ??= this.#run(AbortSignal.any([this.#options.signal, this.#end.signal]));
  }

  onChange(handler: (connected: boolean) => void): Disposable {
    this.#watchers.add(handler);
    handler(this.connected);
    return { [Symbol.dispose]: () => void this.#watchers.delete(handler) };
  }

  send(message: Envelope): boolean {
    return this.#session?.send(message) ?? false;
  }

  async ask(message: Envelope, options: AskOptions): Promise<Envelope> {
    const { signal, deadline = answerDeadline, about = `"${message.route.resource}"` } = options;
    if (signal.aborted) throw new SampanError("cancelled", `cannot ask for ${about}: it was called off`);
    if (!this.send(message))
      throw new SampanError("unavailable", `cannot ask for ${about}: the cloud is not connected`);
    return this.#waiters.wait({ id: message.id, about, deadline, signal });
  }

  on(target: Target, handler: Handler): void {
    if (this.#handlers.has(target))
      throw invalid(`cannot take messages for "${target}": somebody does already`);
    this.#handlers.set(target, handler);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    this.#session?.end("the edge ends");
    await this.#running;
    await this.#receiver.idle();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, addresses, random = Math.random } = this.#options;
    const { first, most, stable } = this.#times;
    const waits = backoff({ first, most, addresses: addresses.length, random });
    for (let turn = 0; !signal.aborted; turn++) {
      const address = addresses[turn % addresses.length] ?? "";
      const outcome = await this.#dial(address, turn, signal);
      if (outcome.is === "open") {
        const since = clock.now();
        await this.#serve(address, outcome, signal);
        // What stood for a while was good; the same one is tried again first.
        if (clock.now() - since >= stable) waits.reset();
        if (clock.now() - since >= stable) turn -= 1;
      } else if (!signal.aborted) await this.#tell(address, outcome, signal);
      const isLocal = outcome.is === "failed" && outcome.local;
      await pause(clock, isLocal ? waits.local() : waits.next(), signal);
    }
  }

  async #dial(address: string, turn: number, signal: AbortSignal): Promise<Outcome> {
    const { dial: deadline, reach } = this.#times;
    try {
      const { keys, project: of = project } = this.#options;
      return await dial({
        address,
        node: this.node,
        project: of,
        keys: keys.current(),
        deadline,
        reach: turn % patientTurns === patientTurns - 1 ? deadline : Math.min(reach, deadline),
        signal,
      });
    } catch (error) {
      // Keys that are not there or broken: they may come by a later join.
      return {
        is: "failed",
        error: SampanError.wrap(`cannot connect to cloud "${address}"`, error),
        clock: false,
        local: true,
      };
    }
  }

  async #serve(
    address: string,
    { connection }: Extract<Outcome, { is: "open" }>,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, log } = this.#options;
    const { heartbeat, quiet, patience } = this.#times;
    const onMessage = (data: Buffer) => this.#receiver.receive(data);
    const session = openSession(connection, {
      clock,
      heartbeat,
      quiet,
      patience,
      most: limits.unsent,
      onMessage,
    });
    const end = () => session.end("the edge ends");
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
    this.#session = session;
    this.#told = "";
    log(`connected to cloud "${address}"`);
    this.#change(true);
    const why = await session.ended;
    this.#session = undefined;
    signal.removeEventListener("abort", end);
    this.#waiters.fail(
      new SampanError("unavailable", `cannot get an answer: the link to the cloud fell (${why})`),
    );
    log(`lost cloud "${address}": ${why}`);
    this.#change(false);
  }

  #change(connected: boolean): void {
    for (const handler of this.#watchers)
      try {
        handler(connected);
      } catch (error) {
        this.#options.log(
          `cannot tell that the link ${connected ? "stands" : "fell"}: ${SampanError.from(error).message}`,
        );
      }
  }

  /** Once for each reason: an edge may be offline for a year. */
  async #tell(
    address: string,
    { error, clock: dates }: Extract<Outcome, { is: "failed" }>,
    signal: AbortSignal,
  ): Promise<void> {
    const text = error.message;
    if (text !== this.#told) this.#options.log(text);
    this.#told = text;
    if (dates) await this.#compareClocks(address, signal);
  }

  async #compareClocks(address: string, signal: AbortSignal): Promise<void> {
    const { clock, cloudTime, log } = this.#options;
    if (!cloudTime || clock.now() - this.#askedTime < timeAgain) return;
    this.#askedTime = clock.now();
    const theirs = await cloudTime(address, signal).catch(() => undefined);
    if (theirs === undefined) return;
    const seconds = Math.round((clock.now() - theirs) / 1000);
    if (Math.abs(seconds) > 5)
      log(
        `this machine's clock is ${Math.abs(seconds)} s ${seconds < 0 ? "behind" : "ahead of"} cloud "${address}", which says ${new Date(theirs).toISOString()}: set the wrong one right`,
      );
  }
}
