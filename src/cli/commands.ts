/** All commands by name. Each file is loaded when its command is called. */
import type { Command } from "./command.ts";

export type Load = () => Promise<{ command: Command }>;

export interface Group {
  readonly summary: string;
  readonly commands: Readonly<Record<string, Load>>;
}

const image = {
  pull: () => import("./image/pull.ts"),
  push: () => import("./image/push.ts"),
  ls: () => import("./image/ls.ts"),
  rm: () => import("./image/rm.ts"),
  tag: () => import("./image/tag.ts"),
  inspect: () => import("./image/inspect.ts"),
  history: () => import("./image/history.ts"),
  diff: () => import("./image/diff.ts"),
  save: () => import("./image/save.ts"),
  load: () => import("./image/load.ts"),
  import: () => import("./image/import.ts"),
  prune: () => import("./image/prune.ts"),
} as const;

const container = {
  run: () => import("./container/run.ts"),
  create: () => import("./container/create.ts"),
  ls: () => import("./container/ls.ts"),
  rm: () => import("./container/rm.ts"),
  commit: () => import("./container/commit.ts"),
  inspect: () => import("./container/inspect.ts"),
  export: () => import("./container/export.ts"),
  prune: () => import("./container/prune.ts"),
} as const;

const system = {
  df: () => import("./system/df.ts"),
  prune: () => import("./system/prune.ts"),
  check: () => import("./system/check.ts"),
} as const;

export const groups: Readonly<Record<string, Group>> = {
  image: { summary: "Manage images", commands: image },
  container: { summary: "Manage containers", commands: container },
  system: { summary: "See, clean up and check what is stored", commands: system },
};

/** In the order of help. */
export const commands: Readonly<Record<string, Load>> = {
  run: container.run,
  create: container.create,
  ps: container.ls,
  rm: container.rm,
  pull: image.pull,
  push: image.push,
  images: image.ls,
  rmi: image.rm,
  tag: image.tag,
  inspect: () => import("./inspect.ts"),
  history: image.history,
  save: image.save,
  load: image.load,
  import: image.import,
  commit: container.commit,
  export: container.export,
  search: () => import("./registry/search.ts"),
  login: () => import("./registry/login.ts"),
  logout: () => import("./registry/logout.ts"),
  version: () => import("./version.ts"),
};

/** Docker's second names. */
export const aliases: Readonly<Record<string, string>> = {
  "image list": "image ls",
  "image remove": "image rm",
  "container list": "container ls",
  "container ps": "container ls",
  "container remove": "container rm",
};

/** Commands of docker that Sampan has not yet, and what each would do. */
export const absent: Readonly<Record<string, string>> = {
  attach: "attaching to a running container",
  build: "building images",
  builder: "building images",
  buildx: "building images",
  compose: "compose files",
  cp: "copying between a container and the host",
  diff: "the changes of a container (image diff compares images)",
  events: "events",
  exec: "running a command in a running container",
  info: "information about a daemon",
  kill: "killing a running container",
  logs: "logs of containers",
  network: "networks",
  pause: "pausing containers",
  port: "published ports",
  rename: "renaming containers",
  restart: "restarting containers",
  start: "starting a container again",
  stats: "statistics of containers",
  stop: "stopping containers",
  swarm: "swarms",
  top: "the processes of a container",
  unpause: "pausing containers",
  update: "changing a running container",
  volume: "volumes",
  wait: "waiting for a container",
};

/** What only a daemon can do, by the last word of its name. */
export function needsDaemon(path: string): boolean {
  return path === "create" || path === "container create";
}
