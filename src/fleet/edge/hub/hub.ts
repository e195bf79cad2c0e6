/**
 * The contract of EdgeHub: the one connection to the cloud, as the parts of the edge see it. Whether it stands is known within 5 s, also when packets vanish; nothing that a pod needs waits
 * for it longer than it takes to know.
 */
import type { Envelope } from "../../link/envelope.ts";
import type { DownstreamTarget } from "../../link/routing.ts";

export interface AskOptions {
  readonly signal: AbortSignal;
  /** Milliseconds; 10,000. */
  readonly deadline?: number;
  /** What it asks for, in messages of errors; the message's resource without it. */
  readonly about?: string;
}

export interface CloudLink {
  readonly node: string;
  readonly connected: boolean;
  /** The connection that stands is to one of ours, which does more than KubeEdge's: see `linkFeatures`. */
  readonly ours: boolean;
  /** With the state now, then with each change. */
  onChange(handler: (connected: boolean) => void): Disposable;
  /** In the order of calls. False when it does not stand: the caller keeps what matters and says it again. */
  send(message: Envelope): boolean;
  /** Sends and waits for the message whose parent it is. Errors: `unavailable` at once when the link does not stand or falls, `deadline_exceeded`. */
  ask(message: Envelope, options: AskOptions): Promise<Envelope>;
  /**
   * Who takes what the cloud says; one handler a target, called one message after the other for one object. What `isAcknowledged` says is acknowledged after the handler has resolved, that is:
   * after it is on the disk; when it throws, the failure is reported and the cloud sends it again.
   */
  on(
    target: Exclude<DownstreamTarget, "control" | "waiter" | "drop">,
    handler: (message: Envelope) => void | Promise<void>,
  ): void;
}
