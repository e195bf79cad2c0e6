/** Exec, Attach and PortForward, which give the address where a client gets its streams; ExecSync; what is asked of a container's log and of its memory. */
import { SampanError } from "../../../base/errors.ts";
import { reopenLog } from "../../../engine/containers/reopen-log.ts";
import { containerOf } from "../known.ts";
import type { CriContext, RuntimeCalls } from "../cri.ts";
import { execSync } from "./exec-sync.ts";
import { portsOf, readyPod, runningContainer, streamsOf, type Ticket, wordsOf } from "./requests.ts";
import { openStreamServer } from "./server.ts";
import { serveTicket } from "./sessions.ts";
import { Tickets } from "./tickets.ts";

export type StreamingCalls = Pick<
  RuntimeCalls,
  "exec" | "attach" | "portForward" | "execSync" | "reopenContainerLog" | "checkpointContainer"
>;

/** Resolves when its port listens. Errors: `unavailable` when the address cannot be had. */
export async function openStreaming(
  context: CriContext,
): Promise<{ readonly calls: StreamingCalls } & AsyncDisposable> {
  const closing = new AbortController();
  const own = { ...context, signal: AbortSignal.any([context.signal, closing.signal]) };
  const tickets = new Tickets<Ticket>(context.clock);
  const server = await openStreamServer({
    address: context.settings.streamAddress,
    log: context.log,
    take: (kind, word) => {
      const ticket = tickets.take(word);
      return ticket?.kind === kind ? (request) => serveTicket(own, ticket, request) : undefined;
    },
  });
  const answer = (ticket: Ticket) => ({ url: `${server.url}/${ticket.kind}/${tickets.add(ticket)}` });
  return {
    calls: callsOf(own, answer),
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      await server[Symbol.asyncDispose]();
    },
  };
}

function callsOf(context: CriContext, answer: (ticket: Ticket) => { url: string }): StreamingCalls {
  return {
    exec: async ({ containerId, cmd, ...streams }) => {
      const wanted = { command: wordsOf(cmd), streams: streamsOf(streams) };
      const { id } = runningContainer(context, containerId);
      return answer({ kind: "exec", container: id, ...wanted });
    },
    attach: async ({ containerId, ...streams }) => {
      const wanted = streamsOf(streams);
      const { id } = runningContainer(context, containerId);
      return answer({ kind: "attach", container: id, streams: wanted });
    },
    portForward: async ({ podSandboxId, port }) =>
      answer({ kind: "portforward", pod: readyPod(context, podSandboxId), ports: portsOf(port) }),
    execSync: async ({ containerId, cmd, timeout }, { signal }) =>
      await execSync(context, { container: containerId, command: wordsOf(cmd), timeout }, signal),
    reopenContainerLog: async ({ containerId }) => {
      await reopenLog(context.engine, runningContainer(context, containerId).id);
      return {};
    },
    checkpointContainer: async ({ containerId }) => {
      const { info } = containerOf(context, containerId);
      throw new SampanError(
        "unimplemented",
        `cannot checkpoint container "${info.id}": there is no CRIU in this program, and no runtime of its that can write down a process`,
      );
    },
  };
}
