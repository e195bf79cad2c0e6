/** `sampan cloud`: the Kubernetes API of the fleet, with its controllers, in one process; `sampan cloud kubeconfig` prints how to reach it. */
import { printable } from "../base/printable.ts";
import { commit, version } from "../base/version.ts";
import { parseCloudFlags, parseKubeconfigFlags } from "./cloud/flags.ts";
import { cloudHelp, kubeconfigHelp } from "./cloud/help.ts";
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
  if (args[0] === "kubeconfig") return kubeconfig(args.slice(1));
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
  await using stack = new AsyncDisposableStack();
  stack.use(await takeFolder(root));
  const server = stack.use(
    await openApiServer({
      folder: root,
      host,
      port,
      names,
      ...(advertiseAddress === undefined ? {} : { advertise: advertiseAddress }),
      log: (text) => log("warn", text),
    }),
  );
  stack.use(writeRecord(root, { pid: process.pid, hosts: [server.url] }));
  const path = await keepAdminKubeconfig(root, server.url, server.authority);
  await Promise.race([server.whenReady, told.stopped]);
  if (told.signal.aborted) return 0;
  const ms = Math.round(performance.now() - began);
  log("info", "ready", { version, commit: commit(), root, url: server.url, kubeconfig: path, ms });
  stack.use(restWhenIdle(() => server.forget()));
  await told.stopped;
  return 0;
}

async function kubeconfig(args: readonly string[]): Promise<number> {
  const say = (error: unknown) => process.stderr.write(`sampan: ${printable(wordsOf(error))}\n`);
  let work: () => Promise<string>;
  try {
    const flags = parseKubeconfigFlags(args);
    if (!flags) {
      process.stdout.write(kubeconfigHelp());
      return 0;
    }
    const { root } = readCloudSettings(
      { "data-root": flags["data-root"], config: flags.config },
      surroundings(),
    );
    work = async () => (await import("./cloud/kubeconfig.ts")).newKubeconfig(root, flags);
  } catch (error) {
    say(error);
    return misused;
  }
  try {
    process.stdout.write(await work());
    return 0;
  } catch (error) {
    say(error);
    return failed;
  }
}
