/** A client that has come with its ticket, until it goes or what it asked for has ended. */
import { SampanError } from "../../../base/errors.ts";
import { acceptCommand, acceptForward } from "../../../wire/channels/accept.ts";
import {
  type CommandClient,
  failed,
  joinCommand,
  type RemoteCommand,
} from "../../../wire/channels/command.ts";
import { type ForwardedConnection, joinForward, serveUntil } from "../../../wire/channels/forward.ts";
import type { UpgradeRequest } from "../../../wire/channels/upgrade.ts";
import type { CriContext } from "../cri.ts";
import { IdleWatch } from "./idle.ts";
import { attachCommand, execCommand } from "./processes.ts";
import { runningContainer, type Ticket } from "./requests.ts";

/** Resolves when the connection is over. Errors: those of a refusal, before anything was written. */
export async function serveTicket(
  context: CriContext,
  ticket: Ticket,
  request: UpgradeRequest,
): Promise<void> {
  if (ticket.kind === "portforward") await serveForward(context, ticket, request);
  else await serveCommand(context, ticket, request);
}

type CommandTicket = Ticket & { readonly kind: "exec" | "attach" };

async function serveCommand(
  context: CriContext,
  ticket: CommandTicket,
  request: UpgradeRequest,
): Promise<void> {
  const client = await acceptCommand(request, ticket.streams, context.signal);
  using idle = new IdleWatch(context.clock, () => client.close());
  const state = { isGone: false };
  void client.gone.then(() => void (state.isGone = true));
  let command: RemoteCommand;
  try {
    command = await commandOf(context, ticket);
  } catch (error) {
    await client.finish(internal(ticket, error)).catch(() => {});
    client.close();
    return;
  }
  if (state.isGone) command.close();
  else await joinCommand(watched(client, idle), command);
}

async function commandOf(context: CriContext, ticket: CommandTicket): Promise<RemoteCommand> {
  // It may have ended since it was asked for.
  const info = runningContainer(context, ticket.container);
  return ticket.kind === "exec"
    ? await execCommand(context, ticket)
    : await attachCommand(context, info, ticket.streams);
}

/** In Kubernetes' words, which its clients show. */
function internal({ kind }: CommandTicket, error: unknown) {
  const doing = kind === "exec" ? "executing command in" : "attaching to";
  return failed(SampanError.wrap(`Internal error occurred: error ${doing} container`, error));
}

function watched(client: CommandClient, idle: IdleWatch): CommandClient {
  return {
    stdin: client.stdin && idle.over(client.stdin),
    sizes: idle.over(client.sizes),
    write: async (output) => {
      await client.write(output);
      idle.touch();
    },
    finish: (status) => client.finish(status),
    gone: client.gone,
    close: () => client.close(),
  };
}

async function serveForward(
  { engine, clock, signal }: CriContext,
  { pod, ports }: Ticket & { readonly kind: "portforward" },
  request: UpgradeRequest,
): Promise<void> {
  const gone = new AbortController();
  const either = AbortSignal.any([signal, gone.signal]);
  const connect = (port: number, until: AbortSignal) => engine.pods.connect(pod, port, until);
  const begun: ForwardedConnection[] = [];
  let take = (connection: ForwardedConnection): void => void begun.push(connection);
  const server = await acceptForward(request, { ports, take: (connection) => take(connection) });
  using idle = new IdleWatch(clock, () => server.close());
  take = (connection) => void joinForward(movedBy(connection, idle), connect, either);
  for (const connection of begun) take(connection);
  await serveUntil(server, signal);
  gone.abort();
}

function movedBy(connection: ForwardedConnection, idle: IdleWatch): ForwardedConnection {
  const { port, data } = connection;
  idle.touch();
  return {
    port,
    data: {
      input: idle.over(data.input),
      write: async (bytes) => {
        await data.write(bytes);
        idle.touch();
      },
      end: () => data.end(),
      destroy: () => data.destroy(),
    },
    fail: (message) => connection.fail(message),
    done: () => connection.done(),
  };
}
