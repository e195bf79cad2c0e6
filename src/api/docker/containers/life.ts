/** The verbs of a container's life: start, stop, kill, restart, pause, unpause, rename, update, resize, remove. */
import { invalid, SampanError } from "../../../base/errors.ts";
import { killContainer } from "../../../engine/containers/kill.ts";
import { pauseContainer, unpauseContainer } from "../../../engine/containers/pause.ts";
import { removeContainer } from "../../../engine/containers/remove.ts";
import { renameContainer } from "../../../engine/containers/rename.ts";
import { resizeContainer } from "../../../engine/containers/resize.ts";
import { restartContainer } from "../../../engine/containers/restart.ts";
import { startContainer } from "../../../engine/containers/start.ts";
import { stopContainer } from "../../../engine/containers/stop.ts";
import { updateContainer } from "../../../engine/containers/update.ts";
import type { LiveEngine } from "../../../engine/engine.ts";
import { parseUpdateBody } from "../../../spec/docker/parse-resources.ts";
import { empty, json } from "../answer.ts";
import { notThere } from "../errors.ts";
import type { Query } from "../query.ts";
import type { Answer, Call } from "../route.ts";
import { parseDetachKeys } from "./detach-keys.ts";
import { conflict, findContainer, needRunning } from "./find.ts";

/** 304: it ran already. */
export async function start(engine: LiveEngine, { param, query }: Call): Promise<Answer> {
  parseDetachKeys(query.string("detachKeys"));
  if (query.has("checkpoint")) throw notThere("checkpoints are not supported");
  const { id, state } = findContainer(engine, param("id"));
  if (state === "paused") throw conflict("cannot start a paused container, try unpause instead");
  if (state === "removing") throw conflict("container is marked for removal and cannot be started");
  try {
    return empty((await startContainer(engine, id, {})) ? 204 : 304);
  } catch (error) {
    throw startFailure(error);
  }
}

/** A program that is not there or none is the caller's mistake; 404 would say that the container is not there. The command line reads the words for its exit status. */
function startFailure(error: unknown): unknown {
  const { code, message } = SampanError.from(error);
  const isProgram =
    /executable file not found|no such file or directory|permission denied|exec format error/i.test(message);
  if (!isProgram && code !== "not_found") return error;
  return new SampanError("invalid_argument", message, { cause: error });
}

/** 304: it had ended already. */
export async function stop(engine: LiveEngine, { param, query }: Call): Promise<Answer> {
  const { id } = findContainer(engine, param("id"));
  return empty((await stopContainer(engine, id, stopOptions(query))) ? 204 : 304);
}

export async function restart(engine: LiveEngine, { param, query }: Call): Promise<Answer> {
  const { id } = findContainer(engine, param("id"));
  try {
    await restartContainer(engine, id, stopOptions(query));
  } catch (error) {
    throw startFailure(error);
  }
  return empty();
}

function stopOptions(query: Query): { signal?: string; timeout?: number } {
  const signal = query.string("signal");
  const timeout = query.int("t");
  return { ...(signal === undefined ? {} : { signal }), ...(timeout === undefined ? {} : { timeout }) };
}

export async function kill(engine: LiveEngine, { param, query }: Call): Promise<Answer> {
  const reference = param("id");
  const container = findContainer(engine, reference);
  const { id, state } = container;
  const signal = query.string("signal") ?? "SIGKILL";
  if (state !== "running" && state !== "paused" && state !== "restarting")
    throw conflict(`cannot kill container: ${reference}: container ${id} is not running`);
  await killContainer(engine, id, signal);
  return empty();
}

export async function pause(engine: LiveEngine, { param }: Call): Promise<Answer> {
  const container = findContainer(engine, param("id"));
  needRunning(container);
  if (container.state === "paused") throw conflict(`Container ${container.id} is already paused`);
  await pauseContainer(engine, container.id);
  return empty();
}

export async function unpause(engine: LiveEngine, { param }: Call): Promise<Answer> {
  const { id, state } = findContainer(engine, param("id"));
  if (state !== "paused") throw conflict(`Container ${id} is not paused`);
  await unpauseContainer(engine, id);
  return empty();
}

export async function rename(engine: LiveEngine, { param, query }: Call): Promise<Answer> {
  const { id, name: old } = findContainer(engine, param("id"));
  const name = query.string("name")?.replace(/^\//, "");
  if (name === undefined || name === "") throw invalid("Neither old nor new names may be empty");
  if (name === old) throw invalid("Renaming a container with the same name as its current name");
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name))
    throw invalid(`Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
  const holder = engine.containers.list().find((each) => each.name === name);
  if (holder)
    throw new SampanError(
      "already_exists",
      `Conflict. The container name "/${name}" is already in use by container "${holder.id}". You have to remove (or rename) that container to be able to reuse that name.`,
    );
  await renameContainer(engine, id, name);
  return empty();
}

export async function update(engine: LiveEngine, { param, json: body }: Call): Promise<Answer> {
  const { id } = findContainer(engine, param("id"));
  const warnings = await updateContainer(engine, id, await body(parseUpdateBody));
  return json({ Warnings: warnings.length > 0 ? warnings : null });
}

export async function resize(engine: LiveEngine, { param, query }: Call): Promise<Answer> {
  const size = sizeOf(query);
  const container = findContainer(engine, param("id"));
  needRunning(container);
  // dockerd takes it for done where there is no terminal.
  if (container.body.Tty === true) await resizeContainer(engine, container.id, size);
  return empty(200);
}

/** Errors: `invalid_argument`. */
export function sizeOf(query: Query): Parameters<typeof resizeContainer>[2] {
  const [rows, columns] = [query.int("h"), query.int("w")];
  if (
    rows === undefined ||
    columns === undefined ||
    rows < 0 ||
    columns < 0 ||
    rows > 65_535 ||
    columns > 65_535
  )
    throw invalid("invalid size of a terminal: wanted h and w from 0 to 65535");
  return { rows, columns };
}

export async function remove(engine: LiveEngine, { param, query }: Call): Promise<Answer> {
  if (query.bool("link")) throw notThere("legacy links cannot be removed");
  const { id, name, state } = findContainer(engine, param("id"));
  const force = query.bool("force");
  if (!force && state === "paused")
    throw conflict(`cannot remove container "${name}": container is paused and must be unpaused first`);
  if (!force && (state === "running" || state === "restarting"))
    throw conflict(
      `cannot remove container "${name}": container is running: stop the container before removing or force remove`,
    );
  await removeContainer(engine, id, { force, volumes: query.bool("v") });
  return empty();
}
