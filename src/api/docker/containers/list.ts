/** GET /containers/json. */
import type { ContainerInfo } from "../../../engine/containers/containers.ts";
import type { LiveEngine } from "../../../engine/engine.ts";
import type { Endpoint, Sandbox } from "../../../engine/networks/networks.ts";
import { json } from "../answer.ts";
import type { Answer, Call } from "../route.ts";
import { labelsOf, networkMode } from "./config.ts";
import { containerFilters, filterContainers, type Facts } from "./filters.ts";
import { mountPoints } from "./mounts.ts";
import { endpointsByContainer, networksOf, portsOf, portSummaries } from "./networks.ts";
import { sizesOf, type Sizes } from "./sizes.ts";
import { statusText } from "./status.ts";

export async function listContainers(engine: LiveEngine, { query }: Call): Promise<Answer> {
  return json(
    await containerSummaries(engine, {
      all: query.bool("all"),
      limit: query.int("limit"),
      filters: query.filters(containerFilters),
      sized: query.bool("size"),
    }),
  );
}

/** For `system df` too. */
export async function containerSummaries(
  engine: LiveEngine,
  { sized, ...wanted }: Parameters<typeof filterContainers>[1] & { readonly sized: boolean },
): Promise<Record<string, unknown>[]> {
  const view = lookAt(engine);
  const rows: Record<string, unknown>[] = [];
  for (const container of filterContainers(factsOf(engine, view), wanted))
    rows.push(
      summaryOf(engine, container, { view, sizes: sized ? await sizesOf(engine, container) : undefined }),
    );
  return rows;
}

/** What is the same for all rows. */
interface View {
  readonly all: readonly ContainerInfo[];
  readonly endpoints: ReadonlyMap<string, ReadonlyMap<string, Endpoint>>;
  readonly ports: ReadonlyMap<string, Sandbox["ports"]>;
  /** The id that an image's name means now. */
  readonly images: Map<string, string | undefined>;
}

const none: ReadonlyMap<string, Endpoint> = new Map();

function lookAt(engine: LiveEngine): View {
  return {
    all: engine.containers.list(),
    endpoints: endpointsByContainer(engine.networks.list()),
    ports: engine.networks.ports(),
    images: new Map(),
  };
}

function imageId(engine: LiveEngine, { images }: View, reference: string): string | undefined {
  if (!images.has(reference)) images.set(reference, engine.images.find(reference)?.id);
  return images.get(reference);
}

function factsOf(engine: LiveEngine, view: View): Facts {
  return {
    all: view.all,
    mounts: (container) => mountPoints(engine, container),
    networks: (container) => {
      const own = view.endpoints.get(container.id) ?? none;
      return Object.entries(networksOf(container, own)).flatMap(([name, { NetworkID }]) => [
        name,
        NetworkID ?? name,
      ]);
    },
    published: ({ id }) => Object.keys(view.ports.get(id) ?? {}),
    imageId: (reference) => imageId(engine, view, reference),
  };
}

interface Row {
  readonly view: View;
  readonly sizes: Sizes | undefined;
}

function summaryOf(
  engine: LiveEngine,
  container: ContainerInfo,
  { view, sizes }: Row,
): Record<string, unknown> {
  const { id, name, image, created, state, command, body } = container;
  const isNamed = imageId(engine, view, image) === container.imageId;
  return {
    Id: id,
    Names: [`/${name}`],
    Image: isNamed ? image : container.imageId,
    ImageID: container.imageId,
    Command: commandText(command),
    Created: Math.floor(created.getTime() / 1000),
    Ports: portSummaries(portsOf(container, view.ports.get(id))),
    Labels: labelsOf(container),
    State: state,
    Status: statusText(container),
    HostConfig: {
      NetworkMode: networkMode(body),
      ...(body.HostConfig?.Annotations ? { Annotations: body.HostConfig.Annotations } : {}),
    },
    NetworkSettings: { Networks: networksOf(container, view.endpoints.get(id) ?? none) },
    Mounts: mountPoints(engine, container),
    ...sizes,
  };
}

/** dockerd puts a word with spaces in quotes. */
export function commandText([path = "", ...args]: readonly string[]): string {
  return [path, ...args.map((word) => (word.includes(" ") ? `'${word}'` : word))].join(" ");
}
