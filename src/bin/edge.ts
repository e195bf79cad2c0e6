/** `sampan edge`: this machine as a node of a cloud. The engine is in this process, with Docker's API on its socket; containers outlive it. */
import { readFileSync } from "node:fs";
import { systemClock } from "../base/clock.ts";
import { SampanError } from "../base/errors.ts";
import { commit, version } from "../base/version.ts";
import { readEngineSettings } from "../engine/settings-file.ts";
import { holdEngine } from "./daemon/hold.ts";
import { takeFolder } from "./daemon/lock.ts";
import { type Log, openLog, wordsOf } from "./daemon/log.ts";
import { restWhenIdle } from "./daemon/rest.ts";
import { edgeFlags, parseWords } from "./edge/flags.ts";
import { edgeHelp } from "./edge/help.ts";
import { type EdgeSettings, type MqttSettings, type PodSettings, readEdgeSettings } from "./edge/settings.ts";
import { stopSignals, surviveErrors } from "./process.ts";

/** For what runs when it is told to end. */
const stopDeadline = 20_000;
const failed = 1;
const misused = 125;

/** Resolves with the exit status when it was told to end. */
export async function edge(args: readonly string[]): Promise<number> {
  if (args[0] === "diagnose") return (await import("./edge/diagnose.ts")).diagnose(args.slice(1));
  const log = openLog("info");
  let settings: EdgeSettings;
  try {
    const parsed = parseWords(edgeFlags, args, { name: "edge" });
    if (!parsed) {
      process.stdout.write(edgeHelp());
      return 0;
    }
    settings = readEdgeSettings(parsed.flags, { env: process.env });
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

async function serve(settings: EdgeSettings, log: Log): Promise<number> {
  const began = performance.now();
  // The executable is compiled to begin its JIT late, which is right for what lives for milliseconds.
  Bun.unsafe.setJITPolicy(1);
  log.level = settings.logLevel;
  const { node, clouds } = requireJoined(settings);
  process.umask(0o022);
  surviveErrors(log);
  const told = stopSignals(log, {
    words: "told to end; containers run on",
    reason: "the edge ends",
    deadline: stopDeadline,
  });
  process.on("SIGHUP", () => log("info", "settings are read at the start alone"));
  const { openEdge } = await import("../fleet/edge/edge.ts");
  await using stack = new AsyncDisposableStack();
  stack.use(await takeFolder(settings.root));
  const engineSettings = readEngineSettings(settings.engine);
  const held = stack.use(await holdEngine(engineSettings, { log, signal: told.signal }));
  if (told.signal.aborted) return 0;
  const opened = stack.use(
    await openEdge({
      node,
      clouds,
      certificatePort: settings.certificatePort,
      root: settings.root,
      engine: held.engine,
      clock: systemClock(),
      log: (text) => log("info", text),
      signal: told.signal,
      tokenFile: settings.tokenFile,
      eventbus: busOf(settings.mqtt),
      servicebus: { port: settings.servicebus.port },
      metaserver: metaServerOf(settings.metaserver),
      services: { address: settings.pods.clusterDns, domain: settings.pods.clusterDomain },
      edged: podsOf(settings.pods),
      ...(settings.kubelet.port === 0 ? {} : { kubeletPort: settings.kubelet.port }),
      tunnelPort: settings.tunnelPort,
      dmiSocket: settings.dmi.socket,
    }),
  );
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
  await told.stopped;
  held.markClean();
  return 0;
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

function busOf(mqtt: MqttSettings) {
  const { mode, host, port, users, url, username, passwordFile } = mqtt;
  const password = passwordFile === undefined ? undefined : readFileSync(passwordFile, "utf8").trimEnd();
  return {
    mode,
    internal: { host, port, ...(users === undefined ? {} : { users }) },
    external: {
      ...(url === undefined ? {} : { url }),
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
    },
  };
}
