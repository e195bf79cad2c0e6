/** `sampan edge`: this machine as a node of a cloud. The engine is in this process, with Docker's API on its socket; containers outlive it. */
import { readFileSync } from "node:fs";
import { systemClock } from "../base/clock.ts";
import { SampanError } from "../base/errors.ts";
import { commit, version } from "../base/version.ts";
import { readEngineSettings } from "../engine/settings-file.ts";
import { holdEngine } from "./daemon/hold.ts";
import { takeFolder } from "./daemon/lock.ts";
import { type Log, wordsOf } from "./daemon/log.ts";
import { restWhenIdle } from "./daemon/rest.ts";
import { type EdgeFlags, edgeFlags, parseWords } from "./edge/flags.ts";
import { edgeHelp } from "./edge/help.ts";
import { busOf } from "./edge/mqtt-settings.ts";
import { type EdgeSettings, type PodSettings, readEdgeSettings } from "./edge/settings.ts";
import {
  endWithParent,
  failTrial,
  isOnTrial,
  ownProgram,
  tryUpgrade,
  upgradeIsLeft,
} from "./edge/upgrade.ts";
import { runProgram, type Stop, stopSignals, surviveErrors } from "./process.ts";

/** For what runs when it is told to end. */
const stopDeadline = 20_000;
interface Read {
  readonly flags: EdgeFlags;
  readonly settings: EdgeSettings;
}

/** Resolves with the exit status when it was told to end. */
export async function edge(args: readonly string[]): Promise<number> {
  if (args[0] === "diagnose") return (await import("./edge/diagnose.ts")).diagnose(args.slice(1));
  if (args[0] === "confirm-upgrade")
    return (await import("./edge/confirm-upgrade.ts")).confirmUpgrade(args.slice(1));
  if (args[0] === "mqtt-user") return (await import("./edge/mqtt-user.ts")).mqttUser(args.slice(1));
  return await runProgram({ help: edgeHelp, read: () => read(args), serve: live });
}

function read(args: readonly string[]): Read | undefined {
  const parsed = parseWords(edgeFlags, args, { name: "edge" });
  return parsed && { flags: parsed.flags, settings: readEdgeSettings(parsed.flags, surroundings) };
}

/** One edge after the other, as settings and programs change. */
async function live({ flags, settings: first }: Read, log: Log): Promise<number> {
  let settings = first;
  try {
    // The executable is compiled to begin its JIT late, which is right for what lives for milliseconds.
    Bun.unsafe.setJITPolicy(1);
    process.umask(0o022);
    surviveErrors(log);
    process.on("SIGHUP", () => log("info", "settings are read at the start alone"));
    const told = stopSignals(log, {
      words: "told to end; containers run on",
      reason: "the edge ends",
      deadline: stopDeadline,
    });
    if (isOnTrial()) endWithParent();
    for (;;) {
      const how = await serve(settings, { flags, log, told });
      if (how === "ended") return 0;
      if (how === "upgrade" && (await tryUpgrade(settings.root, { log, told })) === "ended") return 0;
      log("info", how === "upgrade" ? "going on with the version from before" : "beginning again");
      settings = readEdgeSettings(flags, surroundings);
    }
  } catch (error) {
    if (isOnTrial()) failTrial(settings.root, error);
    throw error;
  }
}

const surroundings = { env: process.env };

interface Serving {
  readonly flags: EdgeFlags;
  readonly log: Log;
  readonly told: Stop;
}

/** `again` with changed settings, `upgrade` as another program. */
type End = "ended" | "again" | "upgrade";

async function serve(settings: EdgeSettings, { flags, log, told }: Serving): Promise<End> {
  const began = performance.now();
  log.level = settings.logLevel;
  const { node, clouds } = requireJoined(settings);
  const { openEdge } = await import("../fleet/edge/edge.ts");
  const { countTrialStart, takeBackSettings } = await import("../fleet/edge/tasks/trial.ts");
  const ending = Promise.withResolvers<End>();
  await using stack = new AsyncDisposableStack();
  stack.use(await takeFolder(settings.root));
  if (upgradeIsLeft(settings.root)) return "upgrade";
  if (countTrialStart(settings.root)) return "again";
  const engineSettings = readEngineSettings(settings.engine);
  const held = stack.use(await holdEngine(engineSettings, { log, signal: told.signal }));
  if (told.signal.aborted) return "ended";
  const opened = await openEdge({
    node,
    clouds,
    certificatePort: settings.certificatePort,
    tunnelPort: settings.tunnelPort,
    root: settings.root,
    engine: held.engine,
    clock: systemClock(),
    log: (text) => log("info", text),
    signal: told.signal,
    tokenFile: settings.tokenFile,
    eventbus: busOf(settings.mqtt),
    servicebus: { port: settings.servicebus.port },
    metaserver: metaServerOf(settings.metaserver),
    ...(settings.metaserver.podsPort === 0 ? {} : { apiPort: settings.metaserver.podsPort }),
    services: { address: settings.pods.clusterDns, domain: settings.pods.clusterDomain },
    edged: podsOf(settings.pods),
    ...(settings.kubelet.port === 0 ? {} : { kubeletPort: settings.kubelet.port }),
    dmiSocket: settings.dmi.socket,
    settings: {
      path: settings.file,
      check: (path) => void requireJoined(readEdgeSettings({ ...flags, config: path }, surroundings)),
      restart: () => ending.resolve("again"),
    },
    own: ownProgram({
      tryNew: () => ending.resolve("upgrade"),
      endTrial: () => ending.resolve("ended"),
    }),
  }).catch((error: unknown) => {
    // Nobody may be near an edge that its cloud gave settings with which it cannot begin.
    if (!takeBackSettings(settings.root, wordsOf(error))) throw error;
    log("error", `cannot begin with the cloud's settings: ${wordsOf(error)}`);
    return undefined;
  });
  if (!opened) {
    held.markClean();
    return "again";
  }
  stack.use(opened);
  const hosts = await held.listen();
  log("info", "ready", {
    version,
    commit: commit(),
    node,
    clouds: clouds.join(","),
    root: settings.root,
    hosts: hosts.join(","),
    connected: opened.context.link.connected,
    ms: Math.round(performance.now() - began),
  });
  stack.use(restWhenIdle());
  const how = await Promise.race([told.stopped.then(() => "ended" as const), ending.promise]);
  held.markClean();
  return how;
}

/** Errors: `failed_precondition` that says how to join. */
function requireJoined({ node, clouds, root }: EdgeSettings) {
  if (node !== undefined && clouds.length > 0) return { node, clouds };
  throw new SampanError(
    "failed_precondition",
    `cannot start: "${root}" has not joined a cloud; run sampan join CLOUD --token TOKEN, whose words sampan cloud token --print-join-command prints`,
  );
}

function metaServerOf({ host, port, authorization, certificate, key }: EdgeSettings["metaserver"]) {
  const read = (path: string) => readFileSync(path, "utf8");
  const isTls = certificate !== undefined && key !== undefined;
  return {
    host,
    authorization,
    ...(port === 0 ? {} : { port }),
    ...(isTls ? { tls: { certificate: read(certificate), key: read(key) } } : {}),
  };
}

function podsOf({ staticFolder, address, most, labels, taints }: PodSettings) {
  return {
    manifests: staticFolder,
    pods: most,
    ...(address === undefined ? {} : { ips: [address] }),
    node: { labels, taints: taints.map(taintOf) },
  };
}

/** `key=value:NoSchedule`, as kubectl takes it. */
function taintOf(text: string) {
  const [pair = "", effect = ""] = text.split(":");
  const [key = "", value] = pair.split("=");
  return { key, effect, ...(value === undefined ? {} : { value }) };
}
