/** The local kubelet as what answers requests, whoever carries them: the tunnel in this process, or the port on the loopback interface. */
import type { IncomingHttpHeaders } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { type Code, invalid, SampanError } from "../../../base/errors.ts";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import { acceptCommand, acceptForward } from "../../../wire/channels/accept.ts";
import { exited, failed, joinCommand, type RemoteCommand } from "../../../wire/channels/command.ts";
import { joinForward, serveUntil } from "../../../wire/channels/forward.ts";
import { upgradeOf } from "../../../wire/channels/protocols.ts";
import type { UpgradeRequest } from "../../../wire/channels/upgrade.ts";
import type { PodAccess, ProcessStreams } from "../edged/access.ts";
import { type KubeletTarget, parseTarget } from "./request.ts";
import { cadvisorText, Rates, resourceText, summaryBody } from "./stats.ts";

export interface KubeletOptions {
  readonly access: PodAccess;
  /** The pods of this node as they are now. */
  readonly pods: () => readonly KubeObject[];
}

export interface KubeletAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: AsyncIterable<Uint8Array>;
}

export interface Kubelet {
  /** `target` is a path with its query. Never rejects: what goes wrong is an answer. */
  answer(request: { method: string; target: string }, signal: AbortSignal): Promise<KubeletAnswer>;
  /** Exec, attach, portForward. Resolves when the connection is over. Errors: those of a refusal, before anything was written. */
  upgrade(
    request: UpgradeRequest & { readonly method: string; readonly target: string },
    signal: AbortSignal,
  ): Promise<void>;
}

/** Which status an error is told with. */
const statuses: Partial<Record<Code, number>> = {
  invalid_argument: 400,
  failed_precondition: 400,
  not_found: 404,
  unimplemented: 501,
  resource_exhausted: 503,
  unavailable: 503,
};

export function statusOf(error: unknown): number {
  return statuses[SampanError.from(error).code] ?? 500;
}

export function createKubelet({ access, pods }: KubeletOptions): Kubelet {
  const rates = new Rates();
  const plain = async (target: KubeletTarget, signal: AbortSignal): Promise<KubeletAnswer> => {
    switch (target.kind) {
      case "logs":
        return await begun(access.logs(target.of, { ...target.options, signal }), target.options.follow);
      case "summary":
        return text("application/json", summaryBody(await access.summary(), rates));
      case "resource":
        return text(exposition, resourceText(await access.summary()));
      case "cadvisor":
        return text(exposition, cadvisorText(await access.summary()));
      case "metrics":
        return text(exposition, "");
      case "pods":
        return text("application/json", podList(pods()));
      case "healthz":
        return text("text/plain; charset=utf-8", "ok");
      case "exec":
      case "attach":
      case "portForward":
        throw invalid("unable to upgrade: missing upgrade headers in request");
    }
  };
  return {
    answer: async ({ method, target }, signal) => {
      try {
        if (method !== "GET") throw invalid(`cannot answer: the method is ${method}, wanted GET`);
        return await plain(parseTarget(target), signal);
      } catch (error) {
        return {
          ...text("text/plain; charset=utf-8", SampanError.from(error).message),
          status: statusOf(error),
        };
      }
    },
    upgrade: async ({ target, ...request }, signal) => {
      const wanted = parseTarget(target);
      if (!upgradeOf(request.headers as IncomingHttpHeaders))
        throw invalid("unable to upgrade: missing upgrade headers in request");
      if (wanted.kind === "exec" || wanted.kind === "attach") await command(access, wanted, request, signal);
      else if (wanted.kind === "portForward") await forward(access, wanted, request, signal);
      else throw invalid("cannot upgrade: this path serves no upgraded connections");
    },
  };
}

const exposition = "text/plain; version=0.0.4; charset=utf-8";

function text(type: string, body: string): KubeletAnswer {
  return {
    status: 200,
    type,
    body: (async function* () {
      if (body !== "") yield Buffer.from(body);
    })(),
  };
}

/** How long logs that are followed may be in coming before the answer begins without them. */
const patience = 250;

/** The first piece is waited for, so that what fails at once is told by the status. */
async function begun(logs: AsyncIterable<Uint8Array>, follow = false): Promise<KubeletAnswer> {
  const iterator = logs[Symbol.asyncIterator]();
  const first = iterator.next();
  first.catch(() => {});
  await (follow ? Promise.race([first, sleep(patience, undefined, { ref: false })]) : first);
  async function* body() {
    try {
      for (let result = await first; !result.done; result = await iterator.next()) yield result.value;
    } finally {
      await iterator.return?.();
    }
  }
  return { status: 200, type: "text/plain; charset=utf-8", body: body() };
}

function podList(items: readonly KubeObject[]): string {
  return JSON.stringify({ kind: "PodList", apiVersion: "v1", metadata: {}, items });
}

type CommandTarget = KubeletTarget & { readonly kind: "exec" | "attach" };

async function command(
  access: PodAccess,
  target: CommandTarget,
  request: UpgradeRequest,
  signal: AbortSignal,
): Promise<void> {
  const { of, streams } = target;
  const client = await acceptCommand(request, streams, signal);
  const gone = new AbortController();
  void client.gone.then(() => gone.abort());
  try {
    const options = { ...streams, signal: AbortSignal.any([signal, gone.signal]) };
    const process =
      target.kind === "exec"
        ? await access.exec(of, target.command, options)
        : await access.attach(of, options);
    await joinCommand(client, commandOf(process));
  } catch (error) {
    await client.finish(failed(error)).catch(() => {});
    client.close();
  }
}

function commandOf(process: ProcessStreams): RemoteCommand {
  const status = process.exit.then(exited);
  status.catch(() => {});
  return {
    write: async (data) => await process.write(data),
    endInput: async () => process.endInput(),
    resize: async (size) => await process.resize(size),
    output: process.output,
    status,
    close: () => process.close(),
  };
}

async function forward(
  access: PodAccess,
  { of, ports }: KubeletTarget & { readonly kind: "portForward" },
  request: UpgradeRequest,
  signal: AbortSignal,
): Promise<void> {
  const gone = new AbortController();
  const either = AbortSignal.any([signal, gone.signal]);
  const server = await acceptForward(request, {
    ports,
    take: (connection) =>
      void joinForward(connection, async (port, until) => await access.portForward(of, port, until), either),
  });
  await serveUntil(server, signal);
  gone.abort();
}
