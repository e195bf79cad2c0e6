/** Reports of upgrades to clouds up to 1.15: HTTPS on the port where certificates are signed, with this node's own. */
import { SampanError } from "../../../../base/errors.ts";
import { askCloud } from "../../join/https.ts";
import type { KeyFiles } from "../../join/keys.ts";
import type { PostReport } from "../report.ts";

interface Where {
  readonly keys: KeyFiles;
  /** `<host>:<port>`, tried in turn. */
  readonly addresses: readonly string[];
  readonly signal: AbortSignal;
}

/** Errors: those of the last cloud; `unavailable` when it refuses. */
export function postReport({ keys, addresses, signal }: Where): PostReport {
  return async (content) => {
    const body = Buffer.from(JSON.stringify(content));
    let last: unknown;
    for (const address of addresses)
      try {
        const identity = keys.current();
        const { status } = await askCloud({
          address,
          path: "/nodeupgrade",
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body,
          authority: identity.authority,
          identity,
          signal,
        });
        if (status === 200) return;
        last = new SampanError("unavailable", `cannot report an upgrade to "${address}": status ${status}`);
      } catch (error) {
        last = error;
      }
    throw last ?? new SampanError("unavailable", "no cloud is known");
  };
}
