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
  start: () => import("./container/start.ts"),
  stop: () => import("./container/stop.ts"),
  restart: () => import("./container/restart.ts"),
  kill: () => import("./container/kill.ts"),
  pause: () => import("./container/pause.ts"),
  unpause: () => import("./container/unpause.ts"),
  wait: () => import("./container/wait.ts"),
  attach: () => import("./container/attach.ts"),
  exec: () => import("./container/exec.ts"),
  logs: () => import("./container/logs.ts"),
  ls: () => import("./container/ls.ts"),
  top: () => import("./container/top.ts"),
  stats: () => import("./container/stats.ts"),
  port: () => import("./container/port.ts"),
  inspect: () => import("./container/inspect.ts"),
  cp: () => import("./container/cp.ts"),
  diff: () => import("./container/diff.ts"),
  commit: () => import("./container/commit.ts"),
  compare: () => import("./container/compare.ts"),
  export: () => import("./container/export.ts"),
  rename: () => import("./container/rename.ts"),
  update: () => import("./container/update.ts"),
  rm: () => import("./container/rm.ts"),
  prune: () => import("./container/prune.ts"),
} as const;

const network = {
  create: () => import("./network/create.ts"),
  ls: () => import("./network/ls.ts"),
  inspect: () => import("./network/inspect.ts"),
  connect: () => import("./network/connect.ts"),
  disconnect: () => import("./network/disconnect.ts"),
  rm: () => import("./network/rm.ts"),
  prune: () => import("./network/prune.ts"),
} as const;

const volume = {
  create: () => import("./volume/create.ts"),
  ls: () => import("./volume/ls.ts"),
  inspect: () => import("./volume/inspect.ts"),
  rm: () => import("./volume/rm.ts"),
  prune: () => import("./volume/prune.ts"),
} as const;

const system = {
  info: () => import("./system/info.ts"),
  events: () => import("./system/events.ts"),
  df: () => import("./system/df.ts"),
  prune: () => import("./system/prune.ts"),
  check: () => import("./system/check.ts"),
  audit: () => import("./system/audit.ts"),
} as const;

export const groups: Readonly<Record<string, Group>> = {
  container: { summary: "Manage containers", commands: container },
  image: { summary: "Manage images", commands: image },
  network: { summary: "Manage networks", commands: network },
  volume: { summary: "Manage volumes", commands: volume },
  system: { summary: "See, clean up and check what is stored", commands: system },
};

/** In the order of help. */
export const commands: Readonly<Record<string, Load>> = {
  run: container.run,
  exec: container.exec,
  ps: container.ls,
  logs: container.logs,
  create: container.create,
  start: container.start,
  stop: container.stop,
  restart: container.restart,
  kill: container.kill,
  rm: container.rm,
  attach: container.attach,
  wait: container.wait,
  pause: container.pause,
  unpause: container.unpause,
  top: container.top,
  stats: container.stats,
  port: container.port,
  cp: container.cp,
  diff: container.diff,
  rename: container.rename,
  update: container.update,
  commit: container.commit,
  compare: container.compare,
  export: container.export,
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
  search: () => import("./registry/search.ts"),
  login: () => import("./registry/login.ts"),
  logout: () => import("./registry/logout.ts"),
  events: system.events,
  info: system.info,
  version: () => import("./version.ts"),
  completion: () => import("./completion/completion.ts"),
};

/** Docker's second names. */
export const aliases: Readonly<Record<string, string>> = {
  "image list": "image ls",
  "image remove": "image rm",
  "container list": "container ls",
  "container ps": "container ls",
  "container remove": "container rm",
  "network list": "network ls",
  "network remove": "network rm",
  "volume list": "volume ls",
  "volume remove": "volume rm",
};

/** Commands of docker that Sampan has not, and why. */
export const absent: Readonly<Record<string, string>> = {
  build: "building images",
  builder: "building images",
  buildx: "building images",
  checkpoint: "checkpoints",
  compose: "compose files; docker-compose works with Sampan's daemon",
  context: "contexts are not needed: -H or DOCKER_HOST says which daemon",
  plugin: "plug-ins",
  swarm: "swarms",
  node: "swarms",
  service: "swarms",
  stack: "swarms",
  secret: "swarms",
  config: "swarms",
  trust: "content trust",
};
