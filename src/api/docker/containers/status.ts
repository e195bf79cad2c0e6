/** A container's state in words, as docker ps shows it. */
import type { ContainerInfo } from "../../../engine/containers/containers.ts";
import { formatDuration } from "../../../spec/docker/duration.ts";

type Told = Pick<ContainerInfo, "state" | "started" | "finished" | "exitCode" | "health">;

export function statusText(container: Told, now: Date = new Date()): string {
  const { state, started, finished, exitCode } = container;
  const since = (time: Date | undefined) =>
    formatDuration(Math.max(0, now.getTime() - (time ?? now).getTime()));
  switch (state) {
    case "created":
      return "Created";
    case "removing":
      return "Removal In Progress";
    case "dead":
      return "Dead";
    case "restarting":
      return `Restarting (${exitCode ?? 0}) ${since(finished)} ago`;
    case "paused":
      return `Up ${since(started)} (Paused)`;
    case "running":
      return `Up ${since(started)}${healthText(container)}`;
    case "exited":
      return `Exited (${exitCode ?? 255})${finished ? ` ${since(finished)} ago` : ""}`;
  }
}

function healthText({ health }: Told): string {
  if (!health || health.status === "none") return "";
  return ` (${health.status === "starting" ? "health: starting" : health.status})`;
}
