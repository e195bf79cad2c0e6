/** `sampan cloud`: the Kubernetes API of the fleet with its controllers, and the hub of its edges, in one process; `sampan cloud kubeconfig` and `sampan cloud token` print how to reach them. */
import { commit, version } from "../base/version.ts";
import { systemClock } from "../base/clock.ts";
import {
  parseCloudFlags,
  parseDefinitionsFlags,
  parseKubeconfigFlags,
  parseTokenFlags,
} from "./cloud/flags.ts";
import type { CloudStream } from "../fleet/cloud/stream/open.ts";
import type { CloudApi } from "./cloud/api.ts";
import { becomeFrugal } from "./cloud/frugal.ts";
import { adminPath } from "./cloud/paths.ts";
import { cloudHelp, definitionsHelp, kubeconfigHelp, tokenHelp } from "./cloud/help.ts";
import { type CloudSettings, readCloudSettings } from "./cloud/settings.ts";
import type { Log } from "./daemon/log.ts";
import { restWhenIdle } from "./daemon/rest.ts";
import { type Printed, print } from "./print.ts";
import { runProgram, stopSignals, surviveErrors } from "./process.ts";

/** For requests that run when it is told to end, and for what has to be closed. */
const stopDeadline = 10_000;
/** Resolves with the exit status when it was told to end. */
export async function cloud(args: readonly string[]): Promise<number> {
  const [word = "", ...rest] = args;
  const work = Object.hasOwn(words, word) ? words[word] : undefined;
  if (work) return await print(() => work(rest));
  return await runProgram({ help: cloudHelp, read: () => read(args), serve });
}

function read(args: readonly string[]): CloudSettings | undefined {
  const flags = parseCloudFlags(args);
  return flags && readCloudSettings(flags, surroundings());
}

function surroundings() {
  return { env: process.env, uid: process.geteuid?.() ?? 0 };
}

async function serve(settings: CloudSettings, log: Log): Promise<number> {
  becomeFrugal(log);
  const began = performance.now();
  // The executable is compiled to begin its JIT late, which is right for what lives for milliseconds.
  Bun.unsafe.setJITPolicy(1);
  log.level = settings.logLevel;
  // Keys and secrets lie in it.
  process.umask(0o077);
  surviveErrors(log);
  const told = stopSignals(log, { words: "told to end", reason: "the server ends", deadline: stopDeadline });
  // Nothing is read again: without a listener this would end it.
  process.on("SIGHUP", () => log("info", "settings are read at the start alone"));
  const { openEmbedded, openRemote } = await import("./cloud/api.ts");
  const { createCloudStream } = await import("../fleet/cloud/stream/open.ts");
  await using stack = new AsyncDisposableStack();
  const stream = createCloudStream({ clock: systemClock() });
  const open = settings.kubeconfig === undefined ? openEmbedded : openRemote;
  const api = stack.use(await open(settings, { stream, log }));
  await Promise.race([api.whenReady, told.stopped]);
  if (told.signal.aborted) return 0;
  const { openFleet } = await import("./cloud/fleet.ts");
  const fleet = settings.hub && stack.use(await openFleet(api, { hub: settings.hub, settings, stream, log }));
  if (!fleet) followOthers(api, { stream, log, signal: told.signal });
  if (fleet) api.record([fleet.addresses.hub, fleet.addresses.join]);
  const ms = Math.round(performance.now() - began);
  const { root } = settings;
  const { url, kubeconfig: path } = api;
  const shown = { url, kubeconfig: path, ...fleet?.addresses, ms };
  log("info", "ready", { version, commit: commit(), root, ...shown });
  stack.use(restWhenIdle(api.forget));
  await told.stopped;
  return 0;
}

interface Following {
  readonly stream: CloudStream;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** The tunnels of the edges end at other processes that work on this API. */
function followOthers({ client, informers }: CloudApi, { stream, log, signal }: Following): void {
  const tls = async () => {
    const { peerPair } = await import("../fleet/cloud/keys/keys.ts");
    return await peerPair({ client, clock: systemClock(), signal });
  };
  const shared = { client, signal, tls, log: (text: string) => log("warn", text) };
  stream.follow({ ...shared, ...(informers ? { informers } : {}) });
}

async function kubeconfig(args: readonly string[]): Promise<Printed> {
  const flags = parseKubeconfigFlags(args);
  if (!flags) return kubeconfigHelp();
  const { root } = rootOf(flags);
  return async () => (await import("./cloud/kubeconfig.ts")).newKubeconfig(root, flags);
}

async function definitions(args: readonly string[]): Promise<Printed> {
  const flags = parseDefinitionsFlags(args);
  if (!flags) return definitionsHelp();
  const { kubeconfig = adminPath(rootOf(flags).root) } = flags;
  return async () => (await import("./cloud/definitions.ts")).installedDefinitions(kubeconfig);
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

const words: Readonly<Record<string, (args: readonly string[]) => Promise<Printed>>> = {
  kubeconfig,
  "install-crds": definitions,
  token,
};
