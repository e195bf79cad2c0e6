/** How long a registry is waited for and how often it is asked; tests give other numbers. */
import { SampanError } from "../../base/errors.ts";

export interface Patience {
  /** Milliseconds until the answer's head is there. */
  readonly head: number;
  /** The same after the last byte of an upload: registries copy and hash it before they answer. */
  readonly commit: number;
  /** Milliseconds without a byte, in either direction. */
  readonly idle: number;
  /** How often a safe request is tried. */
  readonly tries: number;
  /** Milliseconds before the second try; doubled each time. */
  readonly pause: number;
  /** A Retry-After of more milliseconds is not waited for. */
  readonly longestPause: number;
  readonly random: () => number;
  readonly wait: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
}

export const usualPatience: Patience = {
  head: 60_000,
  commit: 600_000,
  idle: 60_000,
  tries: 5,
  pause: 500,
  longestPause: 120_000,
  random: Math.random,
  wait: pause,
};

const transientStatuses: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

export function isTransientStatus(status: number): boolean {
  return transientStatuses.has(status);
}

/** Milliseconds of a Retry-After header (RFC 9110, 10.2.3); undefined when it is none. */
export function retryAfter(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** Before try `number` (from 2 on): half of the doubled pause is certain, half is chance, so that many clients do not come back at once. */
export function pauseBefore(number: number, patience: Patience): number {
  const full = patience.pause * 2 ** (number - 2);
  return full / 2 + (full / 2) * patience.random();
}

export function cancelled(cause?: unknown): SampanError {
  return new SampanError("cancelled", "the request was cancelled", { cause });
}

function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(cancelled());
    const stop = () => {
      clearTimeout(timer);
      reject(cancelled());
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
