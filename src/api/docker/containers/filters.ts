/** Which containers a list shows: the filters of GET /containers/json with dockerd's words for those that cannot be. */
import { invalid, SampanError } from "../../../base/errors.ts";
import type { ContainerInfo } from "../../../engine/containers/containers.ts";
import { containerStates, type LifeState } from "../../../engine/containers/life.ts";
import { normalName, parseReference } from "../../../spec/image/reference.ts";
import { exposedPorts, labelsOf } from "./config.ts";
import type { MountPoint } from "./mounts.ts";

/** What the filters look at, beside the container itself; asked for only when a filter wants it. */
export interface Facts {
  readonly all: readonly ContainerInfo[];
  mounts(container: ContainerInfo): readonly MountPoint[];
  /** Names and ids of its networks. */
  networks(container: ContainerInfo): readonly string[];
  /** `80/tcp` of those that are published. */
  published(container: ContainerInfo): readonly string[];
  /** The id that an image's name means now. */
  imageId(reference: string): string | undefined;
}

type Fits = (container: ContainerInfo) => boolean;
type Make = (value: string, facts: Facts) => Fits;

const healths = ["starting", "healthy", "unhealthy", "none"];

const makers: Readonly<Record<string, Make>> = {
  id: (value) => pattern("id", value, ({ id }) => [id]),
  // docker's names begin with a slash, which a pattern may hold or not.
  name: (value) => pattern("name", value, ({ name }) => [name, `/${name}`]),
  label: (value) => {
    const at = value.indexOf("=");
    const key = at < 0 ? value : value.slice(0, at);
    return (container) => {
      const labels = labelsOf(container);
      if (!Object.hasOwn(labels, key)) return false;
      return at < 0 || labels[key] === value.slice(at + 1);
    };
  },
  status: (value) => {
    if (!containerStates.includes(value as LifeState)) throw invalid(`invalid filter 'status=${value}'`);
    return ({ state }) => state === value;
  },
  exited: (value) => {
    if (!/^-?\d{1,9}$/.test(value)) throw invalid(`invalid filter 'exited=${value}'`);
    return ({ state, exitCode, finished }) =>
      state !== "running" && state !== "paused" && finished !== undefined && exitCode === Number(value);
  },
  health: (value) => {
    if (!healths.includes(value)) throw invalid(`unrecognized filter value for health: ${value}`);
    return ({ health }) => (health?.status ?? "none") === value;
  },
  ancestor: (value, facts) => {
    const id = facts.imageId(value);
    const name = nameOf(value);
    return ({ image, imageId }) => imageId === id || (name !== undefined && nameOf(image) === name);
  },
  before: (value, { all }) => {
    const place = placeOf(value, all);
    return (container) => all.indexOf(container) > place;
  },
  since: (value, { all }) => {
    const place = placeOf(value, all);
    return (container) => all.indexOf(container) < place;
  },
  volume: (value, facts) => (container) =>
    facts
      .mounts(container)
      .some(({ Name, Source, Destination }) => [Name, Source, Destination].includes(value)),
  network: (value, facts) => (container) => facts.networks(container).includes(value),
  publish: (value, facts) => {
    const wanted = ports("publish", value);
    return (container) => facts.published(container).some((port) => wanted.has(port));
  },
  expose: (value) => {
    const wanted = ports("expose", value);
    return (container) => exposedPorts(container).some((port) => wanted.has(port));
  },
  "is-task": (value) => {
    if (!/^(?:1|0|t|f|true|false)$/i.test(value)) throw invalid(`invalid filter 'is-task=${value}'`);
    // There are no tasks of a swarm.
    return () => /^(?:0|f|false)$/i.test(value);
  },
  isolation: () => () => true,
};

export const containerFilters: readonly string[] = Object.keys(makers);

export interface Wanted {
  readonly all: boolean;
  readonly limit: number | undefined;
  readonly filters: Readonly<Record<string, readonly string[]>>;
}

/** In the order they have. Of one key any value may fit, of labels all must; all keys must. `limit` counts whatever their state. */
export function filterContainers(
  facts: Facts,
  { all, limit = 0, filters }: Wanted,
): readonly ContainerInfo[] {
  const any = all || limit > 0 || "status" in filters || "exited" in filters;
  const tests = Object.entries(filters).map(([key, values]) => {
    const made = values.map((value) => {
      const make = makers[key];
      if (!make) throw invalid(`invalid filter '${key}'`);
      return make(value, facts);
    });
    return (container: ContainerInfo) =>
      key === "label"
        ? made.every((fits) => fits(container))
        : made.length === 0 || made.some((fits) => fits(container));
  });
  const found = facts.all.filter(
    (container) => (any || isAlive(container)) && tests.every((fits) => fits(container)),
  );
  return limit > 0 ? found.slice(0, limit) : found;
}

const isAlive = ({ state }: ContainerInfo) =>
  state === "running" || state === "paused" || state === "restarting";

function pattern(key: string, value: string, of: (container: ContainerInfo) => readonly string[]): Fits {
  let expression: RegExp;
  try {
    expression = new RegExp(value);
  } catch {
    throw invalid(`invalid filter '${key}=${value}'`);
  }
  return (container) => of(container).some((text) => expression.test(text));
}

/** What is no name is an id. */
function nameOf(image: string): string | undefined {
  try {
    return normalName(parseReference(image));
  } catch {
    return undefined;
  }
}

function placeOf(value: string, all: readonly ContainerInfo[]): number {
  const wanted = value.replace(/^\//, "");
  const exact = all.findIndex(({ id, name }) => name === wanted || id === wanted);
  const place = exact >= 0 ? exact : all.findIndex(({ id }) => id.startsWith(wanted));
  if (place < 0 || wanted === "") throw new SampanError("not_found", `No such container: ${value}`);
  return place;
}

/** `80`, `80/udp`, `8000-8010/tcp`. */
function ports(key: string, value: string): ReadonlySet<string> {
  const [, from = "", to = from, protocol = "tcp"] =
    /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(\w+))?$/.exec(value) ?? [];
  const [first, last] = [Number(from), Number(to)];
  if (from === "" || first > last || last > 65_535) throw invalid(`invalid filter '${key}=${value}'`);
  return new Set(Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol}`));
}
