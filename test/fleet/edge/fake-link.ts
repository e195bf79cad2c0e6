/** A link without a network: what the edge says is kept, and a test says what the cloud answers. */
import { SampanError } from "../../../src/base/errors.ts";
import type { AskOptions, CloudLink } from "../../../src/fleet/edge/hub/hub.ts";
import { respond, type Envelope } from "../../../src/fleet/link/envelope.ts";

type Target = Parameters<CloudLink["on"]>[0];

export interface FakeLink extends CloudLink {
  connected: boolean;
  readonly sent: Envelope[];
  readonly asked: Envelope[];
  /** The content of the answer; undefined: the cloud is silent until the deadline. */
  answer: (question: Envelope) => unknown;
  /** As the cloud says it: resolves when the handler has. */
  say(target: Target, message: Envelope): Promise<void>;
  change(connected: boolean): void;
}

export function fakeLink(node = "edge1"): FakeLink {
  const handlers = new Map<Target, (message: Envelope) => void | Promise<void>>();
  const watchers = new Set<(connected: boolean) => void>();
  return {
    node,
    connected: true,
    ours: false,
    sent: [],
    asked: [],
    answer: () => undefined,
    send(message) {
      if (this.connected) this.sent.push(message);
      return this.connected;
    },
    ask(message, { signal }: AskOptions) {
      if (!this.connected)
        return Promise.reject(new SampanError("unavailable", "the cloud is not connected"));
      this.asked.push(message);
      const content = this.answer(message);
      if (content === undefined)
        return Promise.reject(new SampanError("deadline_exceeded", "no answer in time"));
      if (signal.aborted) return Promise.reject(new SampanError("cancelled", "called off"));
      return Promise.resolve(respond(message, { source: "edgecontroller", group: "resource" }, content));
    },
    on: (target, handler) => void handlers.set(target, handler),
    onChange(handler) {
      watchers.add(handler);
      handler(this.connected);
      return { [Symbol.dispose]: () => void watchers.delete(handler) };
    },
    async say(target, message) {
      await handlers.get(target)?.(message);
    },
    change(connected) {
      this.connected = connected;
      for (const each of watchers) each(connected);
    },
  };
}
