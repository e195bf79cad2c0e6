/** An engine whose containers live: the parts of engine.ts and those that start, connect and supervise containers. What a part needs of the others is given to it here. */
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../base/errors.ts";
import type { Engine, LiveEngine } from "../engine/engine.ts";
import type { EngineSettings } from "../engine/settings.ts";
import { fileError } from "../engine/store/errors.ts";
import { openEngine } from "./engine.ts";

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
  options: LiveOptions,
): Promise<LiveParts> {
  void [engine, stack, options];
  return {
    runtimes: absent("runtimes"),
    monitors: absent("monitors"),
    events: absent("events"),
    networks: absent("networks"),
    volumes: absent("volumes"),
    tasks: absent("tasks"),
  };
}

/** Nobody else may list the state folder, and the group of the socket in it must get through. What is below is root's alone. */
export function makeState(state: string): void {
  try {
    if (mkdirSync(state, { recursive: true, mode: 0o711 }) !== undefined) chmodSync(state, 0o711);
    for (const name of ["runtime", "monitors"])
      mkdirSync(join(state, name), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw fileError(`use state folder "${state}"`, error);
  }
}

/** A part that this program has not: whatever is asked of it is refused by its name. */
function absent<Part extends keyof LiveParts>(name: Part): LiveParts[Part] {
  return new Proxy({} as LiveParts[Part], {
    get(_target, key) {
      if (key === Symbol.asyncDispose || key === "restore") return () => Promise.resolve();
      if (typeof key === "symbol" || key === "then") return undefined;
      return () => {
        throw new SampanError("unimplemented", `cannot ${key} ${name}: this program has none`);
      };
    },
  });
}
