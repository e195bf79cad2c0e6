/** What a probe or a hook does once: a program in the container, a request, a connection, a call, a pause. https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-probes */
import { connect } from "node:net";
import { pause, type Clock } from "../../../../base/clock.ts";
import { SampanError } from "../../../../base/errors.ts";
import type { Action, Container, Pod } from "../../../../spec/kubernetes/pod.ts";
import { shown } from "../pod-error.ts";
import type { NodeFacts } from "../translate.ts";
import { checkHealth } from "./grpc.ts";
import { lookByHttp } from "./http.ts";
import { type ActionResult, failure, success } from "./result.ts";

/** Runs a program in a container, and kills it when the signal aborts. Errors: `failed_precondition` when the container does not run. */
export type RunInContainer = (
  id: string,
  command: readonly string[],
  signal: AbortSignal,
) => Promise<{ readonly exitCode: number; readonly output: string }>;

export interface ActionTarget {
  readonly pod: Pod;
  readonly container: Container;
  /** The engine's id. */
  readonly id: string;
  readonly podIp: () => string | undefined;
}

export interface ActionParts {
  readonly run: RunInContainer;
  readonly node: Pick<NodeFacts, "ips">;
  readonly clock: Clock;
}

/** Never rejects; ends with the signal. */
export async function act(
  action: Action,
  target: ActionTarget,
  { parts, signal }: { readonly parts: ActionParts; readonly signal: AbortSignal },
): Promise<ActionResult> {
  try {
    return await actOrFail(action, target, { parts, signal });
  } catch (error) {
    const { code, message } = SampanError.from(error);
    return {
      outcome: code === "failed_precondition" || code === "not_found" ? "unknown" : "failure",
      message,
    };
  }
}

async function actOrFail(
  action: Action,
  target: ActionTarget,
  { parts, signal }: { readonly parts: ActionParts; readonly signal: AbortSignal },
): Promise<ActionResult> {
  const { exec, httpGet, tcpSocket, grpc, sleep } = action;
  if (exec) return await runProgram(exec.command ?? [], target, { parts, signal });
  if (sleep) return await sleepFor(sleep.seconds, parts.clock, signal);
  if (!httpGet && !tcpSocket && !grpc)
    return failure("there is nothing to do: wanted exec, httpGet, tcpSocket, grpc or sleep");
  const host = hostOf(httpGet?.host ?? tcpSocket?.host, target, parts.node);
  if (host === undefined) return { outcome: "unknown", message: "the pod has no address" };
  if (httpGet)
    return await lookByHttp(httpGet, { host, port: portOf(target.container, httpGet.port), signal });
  if (tcpSocket) return await touch(host, portOf(target.container, tcpSocket.port), signal);
  const { port, service = "" } = grpc ?? { port: 0 };
  return await checkHealth({ host, port: portOf(target.container, port), service }, signal);
}

const mostOutput = 4096;

async function runProgram(
  command: readonly string[],
  { id }: ActionTarget,
  { parts, signal }: { readonly parts: ActionParts; readonly signal: AbortSignal },
): Promise<ActionResult> {
  const { exitCode, output } = await parts.run(id, command, signal);
  if (signal.aborted) return failure(`command ${shown(command.join(" "))} timed out`);
  const said = output.slice(0, mostOutput).trim();
  return exitCode === 0 ? success(said) : failure(said || `command ended with ${exitCode}`);
}

async function sleepFor(seconds: number, clock: Clock, signal: AbortSignal): Promise<ActionResult> {
  await pause(clock, Math.max(0, seconds) * 1000, signal);
  return success();
}

/** The pod's own address; on the host's network it is the node's. */
function hostOf(
  asked: string | undefined,
  { pod, podIp }: ActionTarget,
  { ips }: Pick<NodeFacts, "ips">,
): string | undefined {
  if (asked) return asked;
  return pod.spec.hostNetwork ? (ips[0] ?? "127.0.0.1") : podIp();
}

/** A number, or the name of one of the container's ports. Errors: `invalid_argument`. */
function portOf({ ports = [], name }: Container, port: number | string): number {
  const named = ports.find((each) => each.name === port)?.containerPort;
  const number = named ?? (/^\d{1,5}$/.test(String(port)) ? Number(port) : 0);
  if (number > 0 && number < 65_536) return number;
  throw new SampanError("invalid_argument", `container ${shown(name)} has no port ${shown(port)}`);
}

async function touch(host: string, port: number, signal: AbortSignal): Promise<ActionResult> {
  const { promise, resolve } = Promise.withResolvers<ActionResult>();
  const socket = connect({ host, port });
  const end = () => {
    resolve(failure(`dial tcp ${host}:${port}: timed out`));
  };
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  socket.once("connect", () => {
    resolve(success());
  });
  socket.once("error", (error: NodeJS.ErrnoException) => {
    resolve(failure(`dial tcp ${host}:${port}: ${error.code ?? error.message}`));
  });
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", end);
    socket.destroy();
  }
}
