/** The calls of containers. */
import { dirname } from "node:path";
import { invalid, SampanError } from "../../../base/errors.ts";
import { createContainer } from "../../../engine/containers/create.ts";
import { killContainer } from "../../../engine/containers/kill.ts";
import { removeContainer } from "../../../engine/containers/remove.ts";
import { startContainer } from "../../../engine/containers/start.ts";
import { stopContainer } from "../../../engine/containers/stop.ts";
import { updateContainer } from "../../../engine/containers/update.ts";
import { hostAbilities } from "../../../engine/host-abilities.ts";
import {
  type ContainerFilter,
  ContainerState,
  type CreateContainerRequest,
  NamespaceMode,
  type UserNamespace,
} from "../../../wire/cri/cri_pb.ts";
import type { CriContext, RuntimeCalls } from "../cri.ts";
import { makeLogFolder } from "../folders.ts";
import { containerOf, containers, findContainer, type KnownContainer, namedSandbox } from "../known.ts";
import { pieces } from "../pieces.ts";
import { type Remap, remapOf } from "../remap.ts";
import { containerBody, containerExtras, containerName, type ContainerInput } from "./body.ts";
import { extraLimitsOf, limitsOf } from "./resources.ts";
import { containerInfo, containerItem, containerStatus, isWanted, stateOf } from "./status.ts";

type Calls = Pick<
  RuntimeCalls,
  | "createContainer"
  | "startContainer"
  | "stopContainer"
  | "removeContainer"
  | "listContainers"
  | "streamContainers"
  | "containerStatus"
  | "updateContainerResources"
>;

export function containerCalls(context: CriContext): Calls {
  const { engine } = context;
  // No right of a process changes while it lives.
  const { leastOomScore } = hostAbilities();
  const removals = new Map<string, Promise<void>>();
  const list = (filter: ContainerFilter | undefined) =>
    containers(context)
      .filter((known) => isWanted(known, filter))
      .map(containerItem);
  return {
    createContainer: async (request, { signal }) => ({
      containerId: await create(context, request, { leastOomScore, signal }),
    }),
    startContainer: async ({ containerId }, { signal }) => {
      await start(context, containerOf(context, containerId), signal);
      return {};
    },
    stopContainer: async ({ containerId, timeout }, { signal }) => {
      const known = findContainer(context, containerId);
      if (known) await stop(context, known, { seconds: Number(timeout), signal });
      return {};
    },
    removeContainer: async ({ containerId }) => {
      const known = findContainer(context, containerId);
      if (known) await once(removals, known.info.id, () => remove(context, known.info.id));
      return {};
    },
    listContainers: ({ filter }) => ({ containers: list(filter) }),
    async *streamContainers({ filter }) {
      for (const some of pieces(list(filter))) yield await Promise.resolve({ containers: some });
    },
    containerStatus: ({ containerId, verbose }) => {
      const known = containerOf(context, containerId);
      return {
        status: containerStatus(context, known),
        ...(verbose && { info: containerInfo(context, known) }),
      };
    },
    updateContainerResources: async ({ containerId, linux }) => {
      const { info } = containerOf(context, containerId);
      await updateContainer(engine, info.id, { ...limitsOf(linux), ...extraLimitsOf(linux) });
      return {};
    },
  };
}

interface Making {
  readonly leastOomScore: number;
  readonly signal: AbortSignal;
}

async function create(
  context: CriContext,
  { podSandboxId, config }: CreateContainerRequest,
  { leastOomScore, signal }: Making,
): Promise<string> {
  const { engine } = context;
  if (!config) throw invalid("cannot create the container: it has no configuration");
  const sandbox = namedSandbox(context, podSandboxId);
  // Of the sandbox what it was made with counts; the request's copy is kubelet's memory of it.
  const input: ContainerInput = { sandbox, config, leastOomScore };
  check(context, input);
  const body = containerBody(input);
  const extras = containerExtras(input);
  const name = containerName(input);
  if (extras.logPath !== undefined) makeLogFolder(dirname(extras.logPath));
  signal.throwIfAborted();
  const { id } = await createContainer(engine, { body, name, extras });
  return id;
}

function check(context: CriContext, { sandbox, config }: ContainerInput): void {
  const security = config.linux?.securityContext;
  if (security?.privileged && !sandbox.config.linux?.securityContext?.privileged)
    throw invalid("cannot create the container: no privileged container allowed in sandbox");
  const options = security?.namespaceOptions;
  checkIds(sandbox.info.request.userns, options?.usernsOptions);
  if (options?.pid !== NamespaceMode.TARGET || options.targetId === "") return;
  const target = containerOf(context, options.targetId);
  if (target.pod !== sandbox.info.id)
    throw invalid(`cannot join processes of container "${options.targetId}": it is of another sandbox`);
}

/** What says nothing has the pod's; another one it cannot have. */
function checkIds(pod: Remap | undefined, asked: UserNamespace | undefined): void {
  if (asked && JSON.stringify(remapOf(asked)) !== JSON.stringify(pod))
    throw invalid("cannot create the container: its user namespace is not that of its sandbox");
}

/** Once: kubelet makes another container for another try. */
async function start({ engine }: CriContext, { info }: KnownContainer, signal: AbortSignal): Promise<void> {
  const state = stateOf(info);
  if (state !== ContainerState.CONTAINER_CREATED)
    throw new SampanError(
      "failed_precondition",
      `cannot start container "${info.id}": it is ${info.state === "created" ? "exited" : info.state}, wanted created`,
    );
  await startContainer(engine, info.id, { signal });
}

interface Stopping {
  /** 0: at once. */
  readonly seconds: number;
  readonly signal: AbortSignal;
}

async function stop(
  { engine }: CriContext,
  { info }: KnownContainer,
  { seconds, signal }: Stopping,
): Promise<void> {
  try {
    if (seconds > 0) await stopContainer(engine, info.id, { timeout: seconds, abort: signal });
    else if (stateOf(info) === ContainerState.CONTAINER_RUNNING)
      await killContainer(engine, info.id, "SIGKILL");
  } catch (error) {
    // It has ended by itself, or was removed.
    if (!["not_found", "failed_precondition"].includes(SampanError.from(error).code)) throw error;
  }
}

async function remove({ engine }: CriContext, id: string): Promise<void> {
  try {
    await removeContainer(engine, id, { force: true, volumes: true });
  } catch (error) {
    if (SampanError.from(error).code !== "not_found") throw error;
  }
}

/** Who asks while it is done waits for the same. */
async function once(
  running: Map<string, Promise<void>>,
  id: string,
  work: () => Promise<void>,
): Promise<void> {
  const there = running.get(id);
  if (there) return await there;
  const begun = work().finally(() => running.delete(id));
  running.set(id, begun);
  await begun;
}
