/** The daemon as a whole. */
import { SampanError } from "../../../base/errors.ts";
import type { LiveEngine } from "../../../engine/engine.ts";
import { json } from "../answer.ts";
import { credentialsOf, registryOf } from "../credentials.ts";
import { record, textOf } from "../parse.ts";
import { route, type Call, type Route } from "../route.ts";
import { systemDiskUsage } from "./disk-usage.ts";
import { eventsAnswer } from "./events.ts";
import { systemInfo } from "./info.ts";
import { pingRoutes } from "./ping.ts";
import { serverVersion } from "./version.ts";

export function systemRoutes(engine: LiveEngine): Route[] {
  return [
    ...pingRoutes,
    route("GET", "/version", () => json(serverVersion(runtimes(engine)))),
    route("GET", "/info", ({ version }) => json(systemInfo(engine, version))),
    route("GET", "/events", (call) => eventsAnswer(engine.events, call)),
    route("GET", "/system/df", async (call) => json(await systemDiskUsage(engine, call))),
    route("POST", "/auth", (call) => login(engine, call)),
  ];
}

function runtimes({ runtimes: { names, default: first } }: LiveEngine): string[] {
  return [first, ...names.filter((name) => name !== first)];
}

/** Tries credentials; they are kept by the client, not here. */
async function login({ registries }: LiveEngine, call: Call) {
  const { address, credentials } = await call.json((value) => ({
    address: textOf(record(value ?? {}, "the credentials"), "serveraddress") ?? "",
    credentials: credentialsOf(value ?? {}),
  }));
  if (!credentials) throw new SampanError("unauthenticated", "cannot log in: wanted a user name");
  const { username, secret } = credentials;
  await registries.login(registryOf(address), { username, secret }, call.signal);
  return json({ Status: "Login Succeeded", IdentityToken: "" });
}
