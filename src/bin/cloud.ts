/** `sampan cloud`: the Kubernetes API of the fleet with its controllers, and the hub of its edges, in one process; `sampan cloud kubeconfig` and `sampan cloud token` print how to reach them. */
import { networkInterfaces } from "node:os";
import { SampanError } from "../base/errors.ts";
import { printable } from "../base/printable.ts";
import { commit, version } from "../base/version.ts";
import { systemClock } from "../base/clock.ts";
import type { ApiServer } from "../fleet/cloud/apiserver/server.ts";
import type { Cloud } from "../fleet/cloud/cloud.ts";
import type { CloudStream } from "../fleet/cloud/stream/open.ts";
import { parseCloudFlags, parseKubeconfigFlags, parseTokenFlags } from "./cloud/flags.ts";
import { cloudHelp, kubeconfigHelp, tokenHelp } from "./cloud/help.ts";
import { type CloudSettings, readCloudSettings } from "./cloud/settings.ts";
import { takeFolder, writeRecord } from "./daemon/lock.ts";
import { type Log, openLog, wordsOf } from "./daemon/log.ts";
import { restWhenIdle } from "./daemon/rest.ts";
import { stopSignals, surviveErrors } from "./process.ts";

/** For requests that run when it is told to end, and for what has to be closed. */
const stopDeadline = 10_000;
const failed = 1;
const misused = 125;

/** Resolves with the exit status when it was told to end. */
export async function cloud(args: readonly string[]): Promise<number> {
  if (args[0] === "kubeconfig") return await print(args.slice(1), kubeconfig);
  if (args[0] === "token") return await print(args.slice(1), token);
  const log = openLog("info");
  let settings: CloudSettings;
  try {
    const flags = parseCloudFlags(args);
    if (!flags) {
      process.stdout.write(cloudHelp());
      return 0;
    }
    settings = readCloudSettings(flags, surroundings());
  } catch (error) {
    log("error", wordsOf(error));
    return misused;
  }
  try {
    return await serve(settings, log);
  } catch (error) {
    log("error", wordsOf(error));
    return failed;
  }
}

function surroundings() {
  return { env: process.env, uid: process.geteuid?.() ?? 0 };
}

async function serve(settings: CloudSettings, log: Log): Promise<number> {
  const began = performance.now();
  // The executable is compiled to begin its JIT late, which is right for what lives for milliseconds.
  Bun.unsafe.setJITPolicy(1);
  const { root, bindAddress: host, port, advertiseAddress, names } = settings;
  log.level = settings.logLevel;
  // Keys and secrets lie in it.
  process.umask(0o077);
  surviveErrors(log);
  const told = stopSignals(log, { words: "told to end", reason: "the server ends", deadline: stopDeadline });
  // Nothing is read again: without a listener this would end it.
  process.on("SIGHUP", () => log("info", "settings are read at the start alone"));
  const { openApiServer } = await import("../fleet/cloud/apiserver/server.ts");
  const { keepAdminKubeconfig } = await import("./cloud/kubeconfig.ts");
  const { createCloudStream } = await import("../fleet/cloud/stream/open.ts");
  await using stack = new AsyncDisposableStack();
  stack.use(await takeFolder(root));
  const stream = createCloudStream({ clock: systemClock() });
  const server = stack.use(
    await openApiServer({
      folder: root,
      host,
      port,
      names,
      ...(advertiseAddress === undefined ? {} : { advertise: advertiseAddress }),
      log: (text) => log("warn", text),
      ...(settings.hub ? { streams: stream.streams, metrics: stream.metrics } : {}),
    }),
  );
  stack.use(writeRecord(root, { pid: process.pid, hosts: [server.url] }));
  const path = await keepAdminKubeconfig(root, server.url, server.authority);
  await Promise.race([server.whenReady, told.stopped]);
  if (told.signal.aborted) return 0;
  const fleet = settings.hub && stack.use(await openFleet({ server, stream, settings, log }));
  const edges = fleet ? addressesOf(fleet, settings) : undefined;
  if (edges) stack.use(writeRecord(root, { pid: process.pid, hosts: [server.url, edges.hub, edges.join] }));
  const ms = Math.round(performance.now() - began);
  log("info", "ready", { version, commit: commit(), root, url: server.url, kubeconfig: path, ...edges, ms });
  stack.use(restWhenIdle(() => server.forget()));
  await told.stopped;
  return 0;
}

interface Fleet {
  readonly server: ApiServer;
  readonly stream: CloudStream;
  readonly settings: CloudSettings;
  readonly log: Log;
}

/** The hub and the controllers of the edges, on the API of this process. */
async function openFleet({ server, stream: cloud, settings, log }: Fleet): Promise<Cloud> {
  const { openCloud } = await import("../fleet/cloud/cloud.ts");
  const { hubNames } = await import("./cloud/names.ts");
  const { pathReader } = await import("./cloud/paths.ts");
  const { names: _, router, tunnelPort, ...hub } = settings.hub ?? refuseHub();
  const { bindAddress: host } = settings;
  return await openCloud({
    client: server.client,
    clock: systemClock(),
    log: (text) => log("warn", text),
    install: true,
    hub: { ...hub, host, names: hubNames(settings) },
    stream: { cloud, host, port: tunnelPort },
    router,
    paths: { readPath: pathReader(server) },
  });
}

function refuseHub(): never {
  throw new SampanError("internal", "cannot serve edges: there are no settings for it");
}

/** Where edges connect and join. */
function addressesOf({ hub }: Cloud, { bindAddress, advertiseAddress, hub: own }: CloudSettings) {
  const isAny = bindAddress === "0.0.0.0" || bindAddress === "::";
  const name = own?.names[0] ?? advertiseAddress ?? (isAny ? firstAddress() : bindAddress);
  const host = name.includes(":") ? `[${name}]` : name;
  return { hub: `wss://${host}:${hub.port}`, join: `https://${host}:${hub.joinPort}` };
}

/** Of the machine, as others reach it. */
function firstAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return all.find(({ internal, family }) => !internal && family === "IPv4")?.address ?? "127.0.0.1";
}

/** Its words, or its help. */
type Printed = string | (() => Promise<string>);

async function kubeconfig(args: readonly string[]): Promise<Printed> {
  const flags = parseKubeconfigFlags(args);
  if (!flags) return kubeconfigHelp();
  const { root } = rootOf(flags);
  return async () => (await import("./cloud/kubeconfig.ts")).newKubeconfig(root, flags);
}

async function token(args: readonly string[]): Promise<Printed> {
  const flags = parseTokenFlags(args);
  if (!flags) return tokenHelp();
  const { root } = rootOf(flags);
  return async () => (await import("./cloud/token.ts")).printedToken(root, flags);
}

function rootOf(flags: { readonly "data-root": string | undefined; readonly config: string | undefined }) {
  return readCloudSettings({ "data-root": flags["data-root"], config: flags.config }, surroundings());
}

/** What is wrong with the flags ends with 125, what goes wrong later with 1. */
async function print(
  args: readonly string[],
  what: (args: readonly string[]) => Promise<Printed>,
): Promise<number> {
  let status = misused;
  try {
    const printed = await what(args);
    status = failed;
    process.stdout.write(typeof printed === "string" ? printed : await printed());
    return 0;
  } catch (error) {
    process.stderr.write(`sampan: ${printable(wordsOf(error))}\n`);
    return status;
  }
}
