/** Connections that a client asks to turn into SPDY/3.1. */
import type { IncomingHttpHeaders } from "node:http";
import type { Duplex } from "node:stream";
import { invalid } from "../../base/errors.ts";
import { switching } from "./head.ts";
import { choose, offered } from "./protocols.ts";

/** A request for an upgrade as node:http hands it over, or anything like it. */
export interface UpgradeRequest {
  readonly headers: IncomingHttpHeaders;
  readonly socket: Duplex;
  /** What came after the request's head. */
  readonly head: Uint8Array;
}

/** Accepts; gives the protocol of streams that was chosen. Errors: `invalid_argument` when there is none in common; nothing is written then. */
export function acceptSpdy<const T extends string>(
  { headers, socket }: UpgradeRequest,
  protocols: readonly T[],
): T {
  const theirs = offered(headers, "x-stream-protocol-version");
  const chosen = choose(protocols, theirs);
  if (chosen === undefined)
    throw invalid(
      `cannot upgrade: the client offers the protocols ${JSON.stringify(theirs.slice(0, 8))}, wanted one of ${protocols.join(", ")}`,
    );
  socket.write(switching({ Upgrade: "SPDY/3.1", "X-Stream-Protocol-Version": chosen }));
  return chosen;
}
