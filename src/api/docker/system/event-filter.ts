/** The filters of GET /events, with dockerd's rules of what fits exactly and what by its beginning. */
import type { EngineEvent } from "../../../engine/events/events.ts";
import type { Filters } from "../query.ts";

type Test = (event: EngineEvent, wanted: string) => boolean;

/** Of these the action goes on after a colon: `exec_create: sh`. */
const openEnded = /^(exec_create|exec_start|health_status)(?::|$)/;

const beginning: Test = ({ id, attributes }, wanted) =>
  id.startsWith(wanted) || (attributes["name"] ?? "").startsWith(wanted);

const tests: Readonly<Record<string, Test>> = {
  type: ({ type }, wanted) => type === wanted,
  event: ({ action }, wanted) => action === wanted || openEnded.exec(action)?.[1] === wanted,
  scope: (_event, wanted) => wanted === "local",
  daemon: beginning,
  container: beginning,
  network: beginning,
  volume: beginning,
  plugin: beginning,
  node: beginning,
  service: beginning,
  secret: beginning,
  config: beginning,
  image: (event, wanted) => imageNames(event).includes(wanted),
  label: ({ attributes }, wanted) => {
    const at = wanted.indexOf("=");
    const key = at < 0 ? wanted : wanted.slice(0, at);
    return Object.hasOwn(attributes, key) && (at < 0 || attributes[key] === wanted.slice(at + 1));
  },
};

export const eventFilters = Object.keys(tests);

/** Several values of label narrow; of the others they widen. */
export function fits(event: EngineEvent, filters: Filters): boolean {
  return Object.entries(filters).every(([name, values]) => {
    const passes = (wanted: string) => tests[name]?.(event, wanted) ?? false;
    return values.length === 0 || (name === "label" ? values.every(passes) : values.some(passes));
  });
}

function imageNames({ type, id, attributes }: EngineEvent): string[] {
  const name = attributes[type === "image" ? "name" : "image"] ?? "";
  return [id, name].flatMap((each) => [each, each.replace(/:[^/:]*$/, "")]).filter(Boolean);
}
