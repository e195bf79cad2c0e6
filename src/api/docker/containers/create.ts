/** POST /containers/create. */
import { invalid, SampanError } from "../../../base/errors.ts";
import { createContainer } from "../../../engine/containers/create.ts";
import type { LiveEngine } from "../../../engine/engine.ts";
import type { CreateBody } from "../../../spec/docker/create.ts";
import { parseCreateBody } from "../../../spec/docker/parse-create.ts";
import { ensureUnpacked } from "../../../engine/images/ensure.ts";
import { parsePlatform } from "../../../spec/image/platform.ts";
import { json } from "../answer.ts";
import type { Answer, Call } from "../route.ts";

const nameShape = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

export async function create(engine: LiveEngine, { json: body, query, signal }: Call): Promise<Answer> {
  const asked = await body(bodyOf);
  const name = query.string("name")?.replace(/^\//, "");
  const wanted = query.string("platform");
  const platform = wanted === undefined ? undefined : parsePlatform(wanted);
  if (name !== undefined && !nameShape.test(name))
    throw invalid(`Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
  const warnings: string[] = [];
  try {
    // Damaged, or kept only until now: unpacked before anything stands on it.
    const image = engine.images.find(asked.Image ?? "", platform);
    if (image) await ensureUnpacked(engine, image, { signal });
    const { id } = await createContainer(engine, {
      body: asked,
      warn: (text) => warnings.push(text),
      ...(name === undefined ? {} : { name }),
      ...(platform === undefined ? {} : { platform }),
    });
    return json({ Id: id, Warnings: warnings }, 201);
  } catch (error) {
    throw translated(engine, error, { body: asked, name });
  }
}

function bodyOf(value: unknown): CreateBody {
  if (value === undefined) throw invalid("invalid JSON: got EOF while reading request body");
  const body = parseCreateBody(value);
  if (Object.keys(body).every((key) => key === "HostConfig" || key === "NetworkingConfig"))
    throw invalid("config cannot be empty in order to create a container");
  return body;
}

/** In dockerd's words, which clients look for: compose asks for a name that is free, the command line for an image that it then pulls. */
function translated(
  engine: LiveEngine,
  error: unknown,
  { body, name }: { body: CreateBody; name: string | undefined },
): unknown {
  const { code, message } = SampanError.from(error);
  const image = body.Image ?? "";
  const holder = name === undefined ? undefined : engine.containers.list().find((each) => each.name === name);
  if (code === "already_exists" && name !== undefined && holder)
    return new SampanError(
      "already_exists",
      `Conflict. The container name "/${name}" is already in use by container "${holder.id}". You have to remove (or rename) that container to be able to reuse that name.`,
      { cause: error },
    );
  if (code === "not_found" && !engine.images.find(image))
    return new SampanError("not_found", `No such image: ${tagged(image)}`, { cause: error });
  if (code === "invalid_argument" && /neither an entry point nor a command/.test(message))
    return new SampanError("invalid_argument", "no command specified", { cause: error });
  return error;
}

/** With the tag that a name without one means. */
function tagged(image: string): string {
  const last = image.slice(image.lastIndexOf("/") + 1);
  return /[:@]/.test(last) ? image : `${image}:latest`;
}
