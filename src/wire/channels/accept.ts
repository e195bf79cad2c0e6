/** One door for both ways in which clients ask: by SPDY/3.1 or by WebSocket. */
import { invalid } from "../../base/errors.ts";
import type { CommandClient, CommandStreams } from "./command.ts";
import type { ForwardServer, TakeConnection } from "./forward.ts";
import { upgradeOf } from "./protocols.ts";
import { acceptSpdyCommand } from "./spdy-command.ts";
import { acceptSpdyForward } from "./spdy-forward.ts";
import type { UpgradeRequest } from "./upgrade.ts";
import { acceptWebSocketCommand } from "./websocket-command.ts";
import { acceptWebSocketForward } from "./websocket-forward.ts";

/** Upgrades and waits for the client's streams. Errors: `invalid_argument` before anything was written, others after. */
export async function acceptCommand(
  request: UpgradeRequest,
  asked: CommandStreams,
  signal: AbortSignal,
): Promise<CommandClient> {
  const how = upgradeOf(request.headers);
  if (how === "spdy") return await acceptSpdyCommand(request, asked, signal);
  if (how === "websocket") return await acceptWebSocketCommand(request, asked, signal);
  throw unknownUpgrade();
}

export interface ForwardOptions {
  /** Of the query. */
  readonly ports: readonly number[];
  readonly take: TakeConnection;
}

export async function acceptForward(
  request: UpgradeRequest,
  { ports, take }: ForwardOptions,
): Promise<ForwardServer> {
  const how = upgradeOf(request.headers);
  if (how === "spdy") return acceptSpdyForward(request, take);
  if (how === "websocket") return await acceptWebSocketForward(request, ports, take);
  throw unknownUpgrade();
}

function unknownUpgrade() {
  return invalid("cannot upgrade: wanted Upgrade: SPDY/3.1 or Upgrade: websocket");
}
