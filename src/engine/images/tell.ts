/** What has happened to images, for those who listen; an engine without listeners tells nobody. Ids and attributes are as dockerd gives them. */
import { familiarName } from "../../spec/image/reference.ts";
import type { Events } from "../events/events.ts";
import type { RemovedLine } from "./remove.ts";

export interface Told {
  readonly events?: Events;
}

export type ImageAction = "pull" | "push" | "tag" | "untag" | "delete" | "import" | "load" | "save";

/** `name` is the id where dockerd has no name. */
export function tellImage(
  { events }: Told,
  action: ImageAction,
  { id, name = id, labels = {} }: { id: string; name?: string; labels?: Readonly<Record<string, string>> },
): void {
  events?.emit({ type: "image", action, id, attributes: { ...labels, name } });
}

/** Of a pull and a push: the reference is the id, the repository the name. */
export function tellTransfer(
  engine: Told,
  action: "pull" | "push",
  reference: string,
  labels: Readonly<Record<string, string>> = {},
): void {
  const id = familiarName(reference);
  tellImage(engine, action, { id, name: id.replace(/@.*$/, "").replace(/:[^/:]*$/, ""), labels });
}

/** `image`: the id that names which are gone had. */
export function tellRemoved(engine: Told, image: string, lines: readonly RemovedLine[]): void {
  for (const line of lines)
    if ("Deleted" in line) tellImage(engine, "delete", { id: line.Deleted });
    else tellImage(engine, "untag", { id: image });
}

export function tellPruned({ events }: Told, reclaimed: number): void {
  events?.emit({ type: "image", action: "prune", id: "", attributes: { reclaimed: String(reclaimed) } });
}
