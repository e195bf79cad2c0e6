/** POST /commit: an image from a container. */
import { invalid } from "../../../base/errors.ts";
import type { LiveEngine } from "../../../engine/engine.ts";
import type { ContainerConfig } from "../../../spec/docker/create.ts";
import { parseContainerConfig } from "../../../spec/docker/parse-create.ts";
import { json } from "../answer.ts";
import type { Answer, Call } from "../route.ts";

export async function commitAnswer(engine: LiveEngine, call: Call): Promise<Answer> {
  const { query, signal } = call;
  const container = query.string("container");
  if (container === undefined) throw invalid("cannot commit: wanted the parameter container");
  const config = await call.json((value): ContainerConfig => parseContainerConfig(value ?? {}));
  const { commitContainer } = await import("../../../engine/containers/commit.ts");
  const repo = query.string("repo");
  const tag = query.string("tag");
  const id = await commitContainer(engine, container, {
    pause: query.bool("pause", true),
    reference: repo === undefined || tag === undefined ? repo : `${repo}:${tag}`,
    author: query.string("author"),
    message: query.string("comment"),
    changes: [...changesOf(config), ...query.strings("changes")],
    signal,
  });
  return json({ Id: id }, 201);
}

/** A configuration in the body says the same as instructions would. */
export function changesOf(config: ContainerConfig): string[] {
  const quoted = (text: string) => JSON.stringify(text);
  const pairs = (word: string, entries: Iterable<readonly [string, string]>) =>
    [...entries].map(([key, value]) => `${word} ${quoted(key)}=${quoted(value)}`);
  const split = (each: string): [string, string] => {
    const at = each.indexOf("=");
    return at < 0 ? [each, ""] : [each.slice(0, at), each.slice(at + 1)];
  };
  return [
    ...pairs("ENV", (config.Env ?? []).map(split)),
    ...pairs("LABEL", Object.entries(config.Labels ?? {})),
    ...Object.keys(config.ExposedPorts ?? {}).map((port) => `EXPOSE ${port}`),
    ...Object.keys(config.Volumes ?? {}).map((path) => `VOLUME ${JSON.stringify([path])}`),
    ...(config.User ? [`USER ${config.User}`] : []),
    ...(config.WorkingDir ? [`WORKDIR ${quoted(config.WorkingDir)}`] : []),
    ...(config.StopSignal ? [`STOPSIGNAL ${config.StopSignal}`] : []),
    ...(config.Entrypoint?.length ? [`ENTRYPOINT ${JSON.stringify(config.Entrypoint)}`] : []),
    ...(config.Cmd?.length ? [`CMD ${JSON.stringify(config.Cmd)}`] : []),
  ];
}
