/** Whether folders of the host answer: a file system whose server hangs must not hang the engine, which looks at them with plain calls afterwards. */
import { stat } from "node:fs/promises";
import type { CreateBody } from "../../spec/docker/create.ts";
import { within } from "./deadline.ts";
import { hostConfig } from "./request.ts";

/** Milliseconds. */
const patience = 10_000;

/** What is not there has answered too. Errors: `deadline_exceeded`; the call itself stays with a thread of the pool. */
export async function answers(path: string): Promise<void> {
  const look = () =>
    stat(path).then(
      () => undefined,
      () => undefined,
    );
  await within(patience, `look at "${path.slice(0, 150)}"`, look);
}

/** What is looked at when a container is made and when it starts: folders that --mount names, and devices. */
export async function sourcesAnswer(body: CreateBody): Promise<void> {
  const { Mounts, Devices } = hostConfig(body);
  const binds = (Mounts ?? []).flatMap(({ Type, Source }) => (Type === "bind" && Source ? [Source] : []));
  const devices = (Devices ?? []).flatMap(({ PathOnHost }) => PathOnHost || []);
  for (const path of [...binds, ...devices]) if (path.startsWith("/")) await answers(path);
}
