/** What local clients publish for the cloud. Nothing of it is acknowledged by a cloud; what came with QoS 1 or 2 while the link was down waits for it, within bounds, the oldest go first. */
import { message } from "../../link/envelope.ts";
import { publication } from "../../link/kinds/user.ts";
import type { EdgeContext } from "../part.ts";
import type { Taken } from "./internal.ts";

const most = { messages: 1000, bytes: 4 << 20 } as const;

interface Waiting {
  readonly topic: string;
  readonly text: string;
}

export class Uploads implements Disposable {
  readonly #context: Pick<EdgeContext, "link" | "clock" | "log">;
  readonly #waiting: Waiting[] = [];
  readonly #watching: Disposable;
  #bytes = 0;

  constructor(context: Pick<EdgeContext, "link" | "clock" | "log">) {
    this.#context = context;
    this.#watching = context.link.onChange((connected) => {
      if (connected) this.#flush();
    });
  }

  /** What is no UTF-8 is sent as Go does it, with U+FFFD for what is none: contents are texts. */
  take({ topic, payload, qos }: Pick<Taken, "topic" | "payload" | "qos">): void {
    const text = new TextDecoder().decode(payload);
    if (this.#waiting.length === 0 && this.#send({ topic, text })) return;
    if (qos === 0) return;
    this.#waiting.push({ topic, text });
    this.#bytes += text.length;
    while (this.#waiting.length > most.messages || this.#bytes > most.bytes) this.#shift();
  }

  #flush(): void {
    for (let first = this.#waiting[0]; first && this.#send(first); first = this.#waiting[0]) this.#shift();
  }

  #shift(): void {
    this.#bytes -= this.#waiting.shift()?.text.length ?? 0;
  }

  #send({ topic, text }: Waiting): boolean {
    const { link, clock } = this.#context;
    const route = { source: "bus", group: "user", operation: "upload", resource: topic } as const;
    return link.send(message(route, publication.build(text), { now: clock.now() }));
  }

  [Symbol.dispose](): void {
    this.#watching[Symbol.dispose]();
  }
}
