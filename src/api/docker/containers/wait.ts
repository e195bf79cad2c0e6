/** POST /containers/{id}/wait: the head goes at once, so that who starts the container next knows that its end will be seen. */
import { invalid } from "../../../base/errors.ts";
import type { WaitCondition } from "../../../engine/containers/life.ts";
import { waitContainer } from "../../../engine/containers/wait.ts";
import type { LiveEngine } from "../../../engine/engine.ts";
import type { Answer, Call } from "../route.ts";
import { findContainer } from "./find.ts";

const conditions: readonly string[] = ["not-running", "next-exit", "removed"] satisfies WaitCondition[];

export function wait(engine: LiveEngine, { param, query, signal }: Call): Answer {
  const condition = query.string("condition") ?? "not-running";
  if (!conditions.includes(condition)) throw invalid(`invalid condition: "${condition}"`);
  const { id } = findContainer(engine, param("id"));
  const waiting = waitContainer(engine, id, condition as WaitCondition, signal);
  waiting.catch(() => undefined);
  return {
    kind: "stream",
    type: "application/json",
    write: async (out) => {
      out.begin();
      const { statusCode, error } = await waiting;
      const answer = {
        StatusCode: statusCode,
        ...(error === undefined ? {} : { Error: { Message: error } }),
      };
      await out.write(`${JSON.stringify(answer)}\n`);
    },
  };
}
