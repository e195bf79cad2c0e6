/** `sampan edge diagnose`. */
import { printable } from "../../base/printable.ts";
import { readEngineSettings } from "../../engine/settings-file.ts";
import { diagnose as look } from "../../fleet/edge/diagnose/diagnose.ts";
import { bad, type Check, type Finding, ok, warn } from "../../fleet/edge/diagnose/finding.ts";
import { answers } from "../../wire/unix-socket.ts";
import { readRecord } from "../daemon/lock.ts";
import { print, type Told } from "../print.ts";
import { failed } from "../process.ts";
import { diagnoseFlags, parseWords } from "./flags.ts";
import { diagnoseHelp } from "./help.ts";
import { type EdgeSettings, readEdgeSettings } from "./settings.ts";

export function diagnose(args: readonly string[]): Promise<number> {
  return print(() => {
    const parsed = parseWords(diagnoseFlags, args, { name: "edge diagnose" });
    if (!parsed) return diagnoseHelp();
    const settings = readEdgeSettings(parsed.flags, { env: process.env });
    return () => findOut(settings, parsed.flags);
  });
}

async function findOut(settings: EdgeSettings, { json }: { readonly json: boolean }): Promise<Told> {
  const { node, clouds, certificatePort, root } = settings;
  const end = new AbortController();
  process.once("SIGINT", () => end.abort());
  const findings = await look(
    { node, clouds, certificatePort, root, now: Date.now(), signal: end.signal },
    { engine: engineOf(settings) },
  );
  return {
    text: json ? `${JSON.stringify(findings, undefined, 2)}\n` : table(findings),
    status: findings.some(({ state }) => state === "bad") ? failed : 0,
  };
}

/** Whether an engine works on the folders, and answers. */
function engineOf({ engine }: EdgeSettings): Check {
  return async () => {
    const { root, state } = readEngineSettings(engine);
    const host = readRecord(root)?.hosts.find((each) => each.startsWith("unix://"));
    if (host === undefined)
      return [warn("engine", `nobody works in ${root}, with its state in ${state}`, "start sampan edge")];
    return (await answers(host.slice("unix://".length)))
      ? [ok("engine", `answers at ${host}`)]
      : [bad("engine", `does not answer at ${host}`, "look at the log of sampan edge, and start it again")];
  };
}

function table(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, state, says, todo }) => [
    `${state.padEnd(4)}  ${check.padEnd(width)}  ${printable(says)}`,
    ...(todo === "" ? [] : [`${" ".repeat(width + 8)}→ ${printable(todo)}`]),
  ]);
  return `${lines.join("\n")}\n`;
}
