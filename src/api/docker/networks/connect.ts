/** POST /networks/{id}/connect and disconnect. */
import { hostnameOf } from "../../../engine/containers/bundle.ts";
import { storedContainer } from "../../../engine/containers/open.ts";
import type { LiveEngine } from "../../../engine/engine.ts";
import type { SandboxOwner } from "../../../engine/networks/networks.ts";
import { parseEndpointSettings } from "../../../spec/docker/parse-endpoint.ts";
import { empty } from "../answer.ts";
import { flagOf, record, textOf } from "../parse.ts";
import type { Answer, Call } from "../route.ts";

type Parts = Pick<LiveEngine, "networks" | "containers" | "store" | "tasks">;

export async function connect(engine: Parts, call: Call): Promise<Answer> {
  const { reference, asked } = await call.json((value) => {
    const body = record(value, "the connection");
    return {
      reference: textOf(body, "Container") ?? "",
      asked: parseEndpointSettings(body["EndpointConfig"] ?? {}),
    };
  });
  const network = engine.networks.get(call.param("id"));
  const owner = ownerOf(engine, reference);
  await engine.tasks.exclusive(owner.id, () => engine.networks.connect(network.id, owner, asked));
  return empty(200);
}

function ownerOf({ containers, store }: Parts, reference: string): SandboxOwner {
  const { id, name } = containers.get(reference);
  return { id, name, hostname: hostnameOf(id, storedContainer(store, id).body) };
}

export async function disconnect({ networks, containers, tasks }: Parts, call: Call): Promise<Answer> {
  const { reference, force } = await call.json((value) => {
    const body = record(value, "the connection");
    return { reference: textOf(body, "Container") ?? "", force: flagOf(body, "Force") ?? false };
  });
  const network = networks.get(call.param("id"));
  const { id } = containers.get(reference);
  await tasks.exclusive(id, () => networks.disconnect(network.id, id, { force }));
  return empty(200);
}
