/** SIGHUP: the settings are read again; those that can change while the daemon runs do. */
import { SampanError } from "../../base/errors.ts";
import { readEngineSettings, type SettingsOverrides } from "../../engine/settings-file.ts";
import type { EngineSettings } from "../../engine/settings.ts";
import type { Log } from "./log.ts";

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

const changeable = [
  "budget",
  "maxLayerSize",
  "maxLayerEntries",
  "parallelDownloads",
  "registries",
  "hostsDirs",
  "logs",
] as const satisfies readonly (keyof EngineSettings)[];

/** A file that is wrong changes nothing. */
export function reload(settings: Writable<EngineSettings>, overrides: SettingsOverrides, log: Log): void {
  try {
    const now = readEngineSettings(overrides);
    const differs = (key: keyof EngineSettings) => JSON.stringify(now[key]) !== JSON.stringify(settings[key]);
    const keys = Object.keys(now) as (keyof EngineSettings)[];
    const changed = changeable.filter(differs);
    const isChangeable = (key: string) => (changeable as readonly string[]).includes(key);
    const later = keys.filter((key) => !isChangeable(key) && differs(key));
    for (const key of changed) Object.assign(settings, { [key]: now[key] });
    log.level = now.daemon.logLevel;
    log("info", "settings read again", {
      changed: changed.join(",") || "nothing",
      ...(later.length > 0 ? { "after-a-restart": later.join(",") } : {}),
    });
  } catch (error) {
    log("error", `settings stay as they were: ${SampanError.from(error).message}`);
  }
}
