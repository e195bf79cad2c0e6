/** POST /networks/{id}/connect and disconnect. */
import { connectContainer, disconnectContainer } from "../../../engine/containers/connect.ts";
import type { LiveEngine } from "../../../engine/engine.ts";
import { parseEndpointSettings } from "../../../spec/docker/parse-endpoint.ts";
import { empty } from "../answer.ts";
import { flagOf, record, textOf } from "../parse.ts";
import type { Answer, Call } from "../route.ts";

export async function connect(engine: LiveEngine, call: Call): Promise<Answer> {
  const request = await call.json((value) => {
    const body = record(value, "the connection");
    return {
      reference: textOf(body, "Container") ?? "",
      asked: parseEndpointSettings(body["EndpointConfig"] ?? {}),
    };
  });
  await connectContainer(engine, engine.networks.get(call.param("id")).id, request);
  return empty(200);
}

export async function disconnect(engine: LiveEngine, call: Call): Promise<Answer> {
  const request = await call.json((value) => {
    const body = record(value, "the connection");
    return { reference: textOf(body, "Container") ?? "", force: flagOf(body, "Force") ?? false };
  });
  await disconnectContainer(engine, engine.networks.get(call.param("id")).id, request);
  return empty(200);
}
