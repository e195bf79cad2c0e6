/** `sampan info`. */
import { version } from "../../base/version.ts";
import type { SystemInfo } from "../../spec/docker/system.ts";
import { define } from "../command.ts";
import { shownOn } from "../format.ts";
import { compileTemplate } from "../template/template.ts";
import { printable, printableJson } from "../text/identifier.ts";

type Line = readonly [indent: number, name: string, value?: string | number | boolean | undefined];

const yesNo = (value: boolean | undefined) => (value === undefined ? undefined : value);

/** As docker counts memory here: in powers of two. */
function gibibytes(bytes: number | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const unit = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), units.length - 1);
  return `${Number((bytes / 1024 ** unit).toPrecision(4))}${units[unit]}`;
}

function linesOf(info: SystemInfo): readonly Line[] {
  const plugins = Object.entries(info.Plugins ?? {}).filter(([, names]) => (names ?? []).length > 0);
  return [
    [0, "Server"],
    [1, "Containers", info.Containers],
    [2, "Running", info.ContainersRunning],
    [2, "Paused", info.ContainersPaused],
    [2, "Stopped", info.ContainersStopped],
    [1, "Images", info.Images],
    [1, "Server Version", info.ServerVersion],
    [1, "Storage Driver", info.Driver],
    ...(info.DriverStatus ?? []).map(([name, value]): Line => [2, name, value]),
    [1, "Logging Driver", info.LoggingDriver],
    [1, "Cgroup Driver", info.CgroupDriver],
    [1, "Cgroup Version", info.CgroupVersion],
    ...(plugins.length > 0 ? ([[1, "Plugins", ""]] satisfies Line[]) : []),
    ...plugins.map(([kind, names]): Line => [2, kind, (names ?? []).join(" ")]),
    [1, "Swarm", info.Swarm?.LocalNodeState],
    [1, "Runtimes", Object.keys(info.Runtimes ?? {}).join(" ")],
    [1, "Default Runtime", info.DefaultRuntime],
    [1, "Init Binary", info.InitBinary],
    [1, "Security Options", ""],
    ...(info.SecurityOptions ?? []).map((text): Line => [2, text.replace(/^name=/, "").replaceAll(",", " ")]),
    [1, "Kernel Version", info.KernelVersion],
    [1, "Operating System", info.OperatingSystem],
    [1, "OSType", info.OSType],
    [1, "Architecture", info.Architecture],
    [1, "CPUs", info.NCPU],
    [1, "Total Memory", gibibytes(info.MemTotal)],
    [1, "Name", info.Name],
    [1, "ID", info.ID],
    [1, "Docker Root Dir", info.DockerRootDir],
    [1, "Debug Mode", yesNo(info.Debug)],
    [1, "HTTP Proxy", info.HttpProxy || undefined],
    [1, "HTTPS Proxy", info.HttpsProxy || undefined],
    [1, "No Proxy", info.NoProxy || undefined],
    ...((info.Labels ?? []).length > 0 ? ([[1, "Labels", ""]] satisfies Line[]) : []),
    ...(info.Labels ?? []).map((text): Line => [2, text]),
    [1, "Live Restore Enabled", yesNo(info.LiveRestoreEnabled)],
  ];
}

function text(info: SystemInfo, host: string): string {
  const client: readonly Line[] = [
    [0, "Client", "Sampan"],
    [1, "Version", version],
    [1, "Host", host],
  ];
  const lines = [...client, [0, ""] as const, ...linesOf(info)]
    .filter((line) => line.length === 2 || line[2] !== undefined)
    .map(([indent, name, value]) => {
      const shown =
        value === undefined ? (indent === 2 || name === "" ? name : `${name}:`) : `${name}: ${String(value)}`;
      return `${" ".repeat(indent)}${printable(shown)}`.trimEnd();
    });
  return `${lines.join("\n")}\n`;
}

export const command = define({
  summary: "Show what the daemon is and what it has",
  usage: "[OPTIONS]",
  flags: { format: { kind: "text", short: "f", value: "FORMAT", help: "'json' or a Go template" } },
  words: { least: 0, most: 0 },
  examples: [
    ["info", "For people"],
    ["info -f '{{.Driver}} {{.CgroupVersion}}'", "Some fields"],
  ],
  run: async ({ flags, daemon: open, ...io }) => {
    const daemon = await open();
    const info = await daemon.info();
    const { format } = flags;
    if (format === undefined) await io.out.write(text(info, daemon.host));
    else if (format === "json") await io.out.write(`${printableJson(JSON.stringify(info))}\n`);
    else await io.out.write(`${compileTemplate(format)(shownOn(io.out, info))}\n`);
    for (const warning of info.Warnings ?? []) await io.err.write(`${printable(warning)}\n`);
    return 0;
  },
});
