/** Which containers a list shows: Docker's filters. Pure. */
import { SampanError, invalid } from "../../base/errors.ts";
import { normalName, parseReference } from "../../spec/image/reference.ts";
import type { ContainerInfo } from "./containers.ts";
import { containerStates, type LifeState } from "./life.ts";
import { hostConfig, type StoredContainer } from "./request.ts";

export interface Listed {
  readonly info: ContainerInfo;
  readonly stored: StoredContainer;
}

export interface ListOptions {
  /** Also those that do not run. */
  readonly all: boolean;
  /** The newest, whatever their state; all when it is not positive. */
  readonly limit?: number;
  readonly filters: Readonly<Record<string, readonly string[]>>;
}

type Test = (value: string, all: readonly Listed[]) => (container: Listed) => boolean;

const tests: Readonly<Record<string, Test>> = {
  id: (value) => matching("id", value, ({ info }) => info.id),
  name: (value) => matching("name", value.replace(/^(\^?)\//, "$1"), ({ info }) => info.name),
  status: (value) => {
    if (!(containerStates as readonly string[]).includes(value))
      throw invalid(`cannot use filter "status=${value}": wanted ${containerStates.join(", ")}`);
    return ({ info }) => info.state === value;
  },
  exited: (value) => {
    if (!/^\d{1,3}$/.test(value)) throw invalid(`cannot use filter "exited=${value}": wanted an exit status`);
    return ({ info }) => info.state === "exited" && info.exitCode === Number(value);
  },
  label: (value) => {
    const [key, wanted] = splitOnce(value);
    return ({ stored }) => {
      const found = labelsOf(stored)[key];
      return found !== undefined && (wanted === undefined || found === wanted);
    };
  },
  ancestor: (value) => {
    const name = nameOf(value);
    const digits = /^(?:sha256:)?([0-9a-f]{4,64})$/.exec(value)?.[1];
    return ({ info }) =>
      nameOf(info.image) === name ||
      (digits !== undefined && info.imageId.replace(/^\w+:/, "").startsWith(digits));
  },
  volume:
    (value) =>
    ({ stored }) =>
      stored.volumes.some(({ source, destination }) => source === value || destination === value),
  network:
    (value) =>
    ({ stored }) =>
      (hostConfig(stored.body).NetworkMode || "default") === value,
  before: (value, all) => besides(value, all, (other, one) => other > one),
  since: (value, all) => besides(value, all, (other, one) => other < one),
};

/** As docker counts them. */
const runs: ReadonlySet<string> = new Set<LifeState>(["running", "paused", "restarting"]);

export const filterKeys: readonly string[] = Object.keys(tests);

/** Newest first, as they came. Of one key any value may fit; all keys must. Errors: `invalid_argument`, `not_found` for the container of before or since. */
export function filterContainers(containers: readonly Listed[], options: ListOptions): readonly Listed[] {
  const { filters, limit = 0 } = options;
  const all = options.all || limit > 0 || filters["status"] !== undefined;
  const wanted = Object.entries(filters).map(([key, values]) => {
    const test = tests[key];
    if (!test) throw invalid(`cannot use filter "${key}": there are ${filterKeys.join(", ")}`);
    return values.map((value) => test(value, containers));
  });
  const found = containers
    .filter(({ info }) => all || runs.has(info.state))
    .filter((each) => wanted.every((any) => any.some((fits) => fits(each))));
  return limit > 0 ? found.slice(0, limit) : found;
}

/** The caller's go over the image's. */
export function labelsOf({
  body,
  image,
}: Pick<StoredContainer, "body" | "image">): Readonly<Record<string, string>> {
  return { ...image.Labels, ...body.Labels };
}

/** What is no name is only itself: an id. */
function nameOf(image: string): string {
  try {
    return normalName(parseReference(image));
  } catch {
    return image;
  }
}

function matching(key: string, value: string, of: (container: Listed) => string) {
  try {
    const pattern = new RegExp(value);
    return (container: Listed) => pattern.test(of(container));
  } catch (error) {
    throw invalid(`cannot use filter "${key}=${value}": ${(error as Error).message}`);
  }
}

/** Containers are numbered from the newest. */
function besides(value: string, all: readonly Listed[], holds: (place: number, of: number) => boolean) {
  const of = all.findIndex(({ info }) => info.name === value || info.id.startsWith(value));
  if (of < 0) throw new SampanError("not_found", `cannot find container "${value}": No such container`);
  return (container: Listed) => holds(all.indexOf(container), of);
}

function splitOnce(text: string): [string, string?] {
  const at = text.indexOf("=");
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
