/** An engine whose containers live: the parts of engine.ts and those that start, connect and supervise containers. What a part needs of the others is given to it here. */
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { openTasks } from "../engine/containers/tasks.ts";
import type { Engine, LiveEngine } from "../engine/engine.ts";
import { openEvents } from "../engine/events/open.ts";
import { openNetworks, type NetworksOptions } from "../engine/networks/open.ts";
import { openServiceProxy } from "../engine/networks/services.ts";
import { toldNetworks } from "../engine/networks/told.ts";
import type { PodParts } from "../engine/pods/make.ts";
import { openPods } from "../engine/pods/open.ts";
import type { EngineSettings } from "../engine/settings.ts";
import { fileError } from "../engine/store/errors.ts";
import { openVolumes } from "../engine/volumes/open.ts";
import { openMonitors } from "../runtime/monitor/open.ts";
import { namespaceDoor } from "../runtime/native/namespaces.ts";
import { podDoor } from "../runtime/native/pods.ts";
import { openRuntimes } from "../runtime/open.ts";
import { openEngine } from "./engine.ts";
import { programCommand } from "./program.ts";

export interface LiveOptions {
  readonly warn: (text: string) => void;
}

type LiveParts = Omit<LiveEngine, keyof Engine>;

/** Nothing is restored yet: `tasks.restore` does that, when whoever opened it is ready. */
export async function openLiveEngine(settings: EngineSettings, options: LiveOptions): Promise<LiveEngine> {
  makeState(settings.state);
  await using stack = new AsyncDisposableStack();
  const engine = stack.use(await openEngine(settings));
  const live = await liveParts(engine, stack, options);
  const opened = stack.move();
  // Descriptors, not values: the registry client is loaded when it is first asked for.
  return Object.defineProperties(
    { ...live },
    {
      ...Object.getOwnPropertyDescriptors(engine),
      [Symbol.asyncDispose]: { value: () => opened.disposeAsync() },
    },
  ) as LiveEngine;
}

async function liveParts(
  engine: Engine,
  stack: AsyncDisposableStack,
  { warn }: LiveOptions,
): Promise<LiveParts> {
  const { settings, store } = engine;
  const events = openEvents();
  const network = { ...networkOptions(engine), warn };
  const below = {
    runtimes: openRuntimes({
      root: join(settings.state, "runtime"),
      externals: settings.runtimes,
      default: settings.defaultRuntime,
      init: join(settings.root, "init"),
      warn,
    }),
    monitors: openMonitors(),
    events,
    networks: toldNetworks(stack.use(openNetworks(network)), events),
    services: openServiceProxy({ door: network.door, table: `${network.table}-services` }),
    volumes: openVolumes(store, { unpacker: engine.unpacker, events }),
  };
  // Descriptors, not values: the registry client is loaded when it is first asked for.
  const parts = Object.defineProperties({ ...below }, Object.getOwnPropertyDescriptors(engine)) as Engine &
    typeof below;
  const tasks = stack.use(openTasks(parts, { warn }));
  const door = { value: podDoor(), enumerable: true };
  const podParts = Object.defineProperties(
    { tasks },
    { ...Object.getOwnPropertyDescriptors(parts), door },
  ) as unknown as PodParts;
  return { ...below, tasks, pods: openPods(podParts) };
}

function networkOptions({ settings, store }: Engine): NetworksOptions {
  const { bridge } = settings.network;
  const device = bridge === false ? "sampan0" : bridge.name;
  return {
    store,
    settings,
    door: namespaceDoor(),
    resolver: programCommand("resolver"),
    device,
    ...(bridge !== false && bridge.address !== undefined && { subnet: bridge.address }),
    // Two engines in one network namespace need two tables, as they need two bridges.
    table:
      device === "sampan0"
        ? "sampan"
        : `sampan-${createHash("sha256").update(device).digest("hex").slice(0, 8)}`,
  };
}

/** Nobody else may list the state folder, and the group of the socket in it must get through. What is below is root's alone. */
export function makeState(state: string): void {
  try {
    if (mkdirSync(state, { recursive: true, mode: 0o711 }) !== undefined) chmodSync(state, 0o711);
    mkdirSync(join(state, "runtime"), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw fileError(`use state folder "${state}"`, error);
  }
}
