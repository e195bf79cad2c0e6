/** The group of endpoints about further programs in containers. */
import type { LiveEngine } from "../../../engine/engine.ts";
import { createExec, resizeExec } from "../../../engine/containers/exec.ts";
import { empty, json } from "../answer.ts";
import { conflict, findContainer, needRunning } from "../containers/find.ts";
import { parseDetachKeys } from "../containers/detach-keys.ts";
import { sizeOf } from "../containers/life.ts";
import { route, type Answer, type Call, type Route } from "../route.ts";
import { findExec } from "./find.ts";
import { parseExecBody } from "./parse.ts";
import { start } from "./start.ts";

export function execRoutes(engine: LiveEngine): Route[] {
  return [
    route("POST", "/containers/{id}/exec", (call) => create(engine, call)),
    route("POST", "/exec/{id}/start", (call) => start(engine, call)),
    route("POST", "/exec/{id}/resize", (call) => resize(engine, call)),
    route("GET", "/exec/{id}/json", (call) => inspect(engine, call)),
  ];
}

async function create(engine: LiveEngine, { param, json: body }: Call): Promise<Answer> {
  const asked = await body(parseExecBody);
  parseDetachKeys(asked.DetachKeys);
  const reference = param("id");
  const container = findContainer(engine, reference);
  needRunning(container);
  if (container.state === "paused")
    throw conflict(`Container ${reference} is paused, unpause the container before exec`);
  return json({ Id: await createExec(engine, container.id, asked) }, 201);
}

async function resize(engine: LiveEngine, { param, query }: Call): Promise<Answer> {
  const size = sizeOf(query);
  const { id } = findExec(engine, param("id"));
  await resizeExec(engine, id, size);
  return empty(200);
}

function inspect(engine: LiveEngine, { param }: Call): Answer {
  const { id, container, body, running, pid, exitCode } = findExec(engine, param("id"));
  const [entrypoint = "", ...args] = body.Cmd;
  return json({
    ID: id,
    Running: running,
    ExitCode: exitCode ?? null,
    ProcessConfig: {
      tty: body.Tty === true,
      entrypoint,
      arguments: args,
      privileged: body.Privileged === true,
      ...(body.User ? { user: body.User } : {}),
    },
    OpenStdin: body.AttachStdin === true,
    OpenStderr: body.AttachStderr === true,
    OpenStdout: body.AttachStdout === true,
    CanRemove: exitCode !== undefined,
    ContainerID: container,
    DetachKeys: body.DetachKeys ?? "",
    Pid: pid,
  });
}
