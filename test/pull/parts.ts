/** An engine on a data root of the test's own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEngine } from "../../src/bin/engine.ts";
import { SampanError } from "../../src/base/errors.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { readEngineSettings } from "../../src/engine/settings-file.ts";
import type { EngineSettings } from "../../src/engine/settings.ts";

export interface TestEngine extends Engine {
  readonly root: string;
}

/** On `root`, which stays; or on a root of its own, which goes with it. */
export async function testEngine(change: Partial<EngineSettings> = {}, root?: string): Promise<TestEngine> {
  const place = root ?? mkdtempSync(join(tmpdir(), "sampan-pull-"));
  const defaults = readEngineSettings({ config: "/dev/null", env: {}, uid: 0, root: place });
  const engine = await openEngine({ ...defaults, ...change });
  const close = engine[Symbol.asyncDispose].bind(engine);
  return Object.assign(engine, {
    root: place,
    [Symbol.asyncDispose]: async () => {
      await close();
      if (root === undefined) rmSync(place, { recursive: true });
    },
  });
}

/** What a promise that must fail fails with. */
export async function failure(promise: Promise<unknown>): Promise<SampanError> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return SampanError.from(error);
  }
  throw new Error(`it did not fail: ${JSON.stringify(value)?.slice(0, 200)}`);
}
