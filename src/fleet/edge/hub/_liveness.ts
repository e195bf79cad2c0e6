/**
 * Whether the other side is still there. Any bytes that it sends say so, half of a large message too; when it is silent it is asked by a WebSocket ping, which KubeEdge's clouds answer too (RFC 6455, 5.5.2).
 *
 * A link that is idle costs one ping and one pong every `quiet` milliseconds: some 210 bytes with TLS, TCP and IP. 3.5 s and 1.4 s notice a dead link within 5 s for less than 4 kB a minute.
 * Where answers take longer than usual, the patience grows with what was measured, as TCP's does (RFC 6298).
 */
import type { Clock } from "../../../base/clock.ts";

export interface LivenessOptions {
  readonly clock: Clock;
  /** Milliseconds of silence after which it is asked. */
  readonly quiet: number;
  /** Milliseconds for the answer, at least. */
  readonly patience: number;
  readonly ping: () => void;
  readonly dead: () => void;
}

export interface Liveness extends Disposable {
  /** Called with whatever comes in. */
  heard(): void;
  /** An answer to the ping. */
  answered(): void;
}

/** Milliseconds: a peer may be slow, but not as slow as this. */
const longest = 10_000;

/** Milliseconds: a process that was held up itself looks once more at what has come meanwhile before it judges. */
const settle = 50;

export function watchLiveness({ clock, quiet, patience, ping, dead }: LivenessOptions): Liveness {
  let at = clock.now();
  let isAsked = false;
  let pinged: number | undefined;
  let smooth: number | undefined;
  let varies = 0;
  let cancel = clock.after(quiet, look);

  function wait(milliseconds: number, call: () => void): void {
    cancel();
    cancel = clock.after(milliseconds, call);
  }

  function look(): void {
    const silent = clock.now() - at;
    // A clock that was set back says nothing about the time that went by.
    if (silent < 0) at = clock.now();
    if (silent < quiet) return wait(Math.max(1, quiet - Math.max(silent, 0)), look);
    isAsked = true;
    pinged = clock.now();
    wait(bound(), () => wait(settle, dead));
    ping();
  }

  function bound(): number {
    const usual = smooth === undefined ? patience : smooth + 4 * varies;
    return Math.min(Math.max(usual, patience), longest);
  }

  return {
    heard() {
      at = clock.now();
      if (isAsked) wait(quiet, look);
      isAsked = false;
    },
    answered() {
      if (pinged === undefined) return;
      const took = Math.min(Math.max(clock.now() - pinged, 0), longest);
      pinged = undefined;
      varies = smooth === undefined ? took / 2 : varies * 0.75 + Math.abs(smooth - took) * 0.25;
      smooth = smooth === undefined ? took : smooth * 0.875 + took * 0.125;
    },
    [Symbol.dispose]: () => cancel(),
  };
}
