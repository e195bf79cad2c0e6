/**
 * Keeps this node's certificate good: another one is asked for when 70 to 90 % of its life are over, by chance, so that nodes that joined together do not come together. What was offline too long
 * asks with the certificate that has ended, which clouds of Sampan take for a while, or by a token file.
 */
import { pause, type Clock } from "../../../base/clock.ts";
import { SampanError } from "../../../base/errors.ts";
import type { KeyPair } from "../hub/keys.ts";
import { joinByToken, renew } from "./certificate.ts";
import type { KeyFiles } from "./keys.ts";
import { parseToken } from "./token.ts";

export interface RenewalOptions {
  readonly node: string;
  /** Of 10002, in the order of preference. */
  readonly addresses: readonly string[];
  readonly keys: KeyFiles;
  readonly clock: Clock;
  readonly log: (text: string) => void;
  readonly signal: AbortSignal;
  /** The token of the file that the user keeps for this, or undefined when there is none. */
  readonly token?: () => string | undefined;
  readonly random?: () => number;
}

/** Milliseconds. The clock is looked at again, since somebody may set it. */
const times = { look: 3_600_000, first: 10_000, most: 1_800_000, urgent: 20_000 } as const;

/** When it is due, milliseconds since 1970. `part`: 0 to 1, drawn once for a certificate. */
export function dueTime({ from, until }: { from: number; until: number }, part: number): number {
  return from + (until - from) * (0.7 + 0.2 * part);
}

export function keepCertificate(options: RenewalOptions): AsyncDisposable {
  const end = new AbortController();
  const running = run({ ...options, signal: AbortSignal.any([options.signal, end.signal]) });
  return {
    async [Symbol.asyncDispose]() {
      end.abort();
      await running;
    },
  };
}

async function run(options: RenewalOptions): Promise<void> {
  const { keys, clock, log, signal, random = Math.random } = options;
  let part = random();
  let told = "";
  let bound: number = times.first;
  while (!signal.aborted) {
    try {
      const due = dueTime(keys.validity(), part);
      if (clock.now() < due) {
        await pause(clock, Math.min(due - clock.now(), times.look), signal);
        continue;
      }
      keys.replace(await another(options));
      part = random();
      bound = times.first;
      told = "";
      log(`this node's certificate was renewed: good until ${new Date(keys.validity().until).toISOString()}`);
    } catch (error) {
      if (signal.aborted) return;
      const { message } = SampanError.from(error);
      if (message !== told) log(`cannot renew this node's certificate: ${message}`);
      told = message;
      await pause(clock, bound * (0.5 + random() / 2), signal);
      // Without a good one there is no link at all.
      bound = Math.min(bound * 2, hasEnded(keys, clock) ? times.urgent : times.most);
    }
  }
}

function hasEnded(keys: KeyFiles, clock: Clock): boolean {
  try {
    return keys.validity().until <= clock.now();
  } catch {
    return true;
  }
}

/** Of the first cloud that gives one. */
async function another({ node, addresses, keys, signal, token }: RenewalOptions): Promise<KeyPair> {
  let last: unknown;
  for (const address of addresses)
    try {
      return await renew({ address, node, signal }, keys.current());
    } catch (error) {
      last = error;
      const given = SampanError.from(error).code === "unauthenticated" ? token?.() : undefined;
      if (given !== undefined) return await joinByToken({ address, node, signal }, parseToken(given));
    }
  throw last ?? new SampanError("unavailable", "no cloud is known");
}
