/** The state of a device as messages have it. */
import type { DeviceState } from "../../link/kinds/twin.ts";
import type { Traits } from "../../link/versions.ts";
import type { Device } from "./registry.ts";

/** How the cloud at the other end names devices, and with it how it writes times. */
export type Form = Traits["deviceId"];

/** `2026-11-21T07:02:25Z`; clouds to 1.16.1 had `2026-11-21 06:32:17` of the local time. */
export function formatOnline(at: number, form: Form): string {
  const text = new Date(at).toISOString().slice(0, 19);
  return form === "namespaced" ? `${text}Z` : text.replace("T", " ");
}

/** With the time by both names, where the cloud may be one that knows it by the newer one. */
export function deviceState({ key, facts }: Device, form: Form): DeviceState {
  const last = facts.lastOnline === undefined ? undefined : formatOnline(facts.lastOnline, form);
  return {
    name: key.name,
    ...(facts.state === undefined ? {} : { state: facts.state }),
    ...(last === undefined ? {} : { last_online: last }),
    ...(last === undefined || form === "name" ? {} : { lastOnlineTime: last }),
  };
}
