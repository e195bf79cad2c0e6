/** What Exec, Attach and PortForward ask for, checked as Kubernetes' own streaming server does it, in its words. */
import { invalid, SampanError } from "../../../base/errors.ts";
import type { CommandStreams } from "../../../wire/channels/command.ts";
import type { ContainerInfo } from "../../../engine/containers/containers.ts";
import type { LifeState } from "../../../engine/containers/life.ts";
import { containerOf, sandboxOf } from "../known.ts";
import type { CriContext } from "../cri.ts";

export type Ticket =
  | {
      readonly kind: "exec";
      readonly container: string;
      readonly command: readonly string[];
      readonly streams: CommandStreams;
    }
  | { readonly kind: "attach"; readonly container: string; readonly streams: CommandStreams }
  | { readonly kind: "portforward"; readonly pod: string; readonly ports: readonly number[] };

/** Errors: `invalid_argument`. */
export function streamsOf({ stdin, stdout, stderr, tty }: CommandStreams): CommandStreams {
  if (tty && stderr) throw invalid("cannot open streams: tty and stderr cannot both be true");
  if (!stdin && !stdout && !stderr)
    throw invalid("cannot open streams: one of stdin, stdout, or stderr must be set");
  return { stdin, stdout, stderr, tty };
}

/** Errors: `invalid_argument`. */
export function wordsOf(command: readonly string[]): readonly string[] {
  if (command.length === 0 || command[0] === "") throw invalid("cannot execute: wanted a command");
  return command;
}

/** CRI's names. */
const states: Partial<Record<LifeState, string>> = {
  created: "CONTAINER_CREATED",
  running: "CONTAINER_RUNNING",
  paused: "CONTAINER_RUNNING",
  exited: "CONTAINER_EXITED",
  dead: "CONTAINER_EXITED",
};

/** Errors: `invalid_argument` without an id, `not_found`, `failed_precondition`. */
export function runningContainer(context: Pick<CriContext, "engine">, id: string): ContainerInfo {
  if (id === "") throw invalid("cannot reach a container: missing required container_id");
  const { info } = containerOf(context, id);
  if (info.state === "running" || info.state === "paused") return info;
  throw new SampanError(
    "failed_precondition",
    `cannot reach container "${info.id}": container is in ${states[info.state] ?? "CONTAINER_UNKNOWN"} state`,
  );
}

/** Errors: as of a container. */
export function readyPod(context: Pick<CriContext, "engine">, id: string): string {
  if (id === "") throw invalid("cannot reach a pod: missing required pod_sandbox_id");
  const { info } = sandboxOf(context, id);
  if (info.state === "ready") return info.id;
  throw new SampanError(
    "failed_precondition",
    `cannot reach pod sandbox "${info.id}": sandbox container "${info.id}" is not running`,
  );
}

const mostPorts = 64;

/** Those of the request count only for WebSockets without a tunnel: else each connection says its own. */
export function portsOf(ports: readonly number[]): readonly number[] {
  if (ports.length > mostPorts)
    throw invalid(`cannot forward ${ports.length} ports: wanted ${mostPorts} at most`);
  const wrong = ports.find((port) => port < 1 || port > 65_535);
  if (wrong !== undefined) throw invalid(`cannot forward port ${wrong}: wanted 1 to 65535`);
  return ports;
}
