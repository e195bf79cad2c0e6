/** What has come and gone through a pod's devices. */
import { readFileSync } from "node:fs";
import type { LiveEngine } from "../../../engine/engine.ts";
import type { Traffic } from "../../../engine/networks/networks.ts";
import type { KnownContainer, KnownSandbox } from "../known.ts";

export interface Device extends Traffic {
  readonly name: string;
}

/** Those of the pod's own network namespace but its loopback, the default one first; none with the host's network. */
export async function devicesOf(
  engine: Pick<LiveEngine, "networks">,
  { info }: KnownSandbox,
  containers: readonly KnownContainer[],
): Promise<readonly Device[]> {
  if (info.state !== "ready" || info.request.network === "host" || info.request.network === "none") return [];
  const pid = containers.find((each) => each.info.pid !== undefined)?.info.pid;
  const devices = (pid === undefined ? undefined : seenBy(pid)) ?? (await made(engine, info.id));
  return shownOf(devices);
}

/** Who has the right over its network can make any number: kubelet takes 16 MiB for all pods together. */
const most = 64;

export function shownOf(devices: readonly Device[]): readonly Device[] {
  return devices.toSorted((a, b) => Number(b.name === "eth0") - Number(a.name === "eth0")).slice(0, most);
}

/** One small file shows all, whoever made them; undefined when the process has ended. */
function seenBy(pid: number): Device[] | undefined {
  try {
    return parseDevices(readFileSync(`/proc/${pid}/net/dev`, "utf8"));
  } catch {
    return undefined;
  }
}

/** Without a process: what the engine knows of the devices that it made. */
async function made({ networks }: Pick<LiveEngine, "networks">, id: string): Promise<Device[]> {
  const traffic = await networks.traffic(id).catch(() => ({}));
  return Object.entries(traffic).map(([name, each]) => ({ name, ...each }));
}

/** proc_pid_net(5): two lines of titles, then `name: ` and sixteen counters. */
export function parseDevices(text: string): Device[] {
  return text
    .split("\n")
    .slice(2)
    .flatMap((line) => {
      const colon = line.indexOf(":");
      const name = line.slice(0, colon).trim();
      const counters = line
        .slice(colon + 1)
        .trim()
        .split(/\s+/)
        .map(Number);
      if (colon < 0 || name === "lo" || counters.length < 16) return [];
      const at = (index: number) => counters[index] ?? 0;
      const received = { rxBytes: at(0), rxPackets: at(1), rxErrors: at(2), rxDropped: at(3) };
      return [{ name, ...received, txBytes: at(8), txPackets: at(9), txErrors: at(10), txDropped: at(11) }];
    });
}
