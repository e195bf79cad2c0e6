/** `sampan port`. */
import { SampanError } from "../../base/errors.ts";
import { define } from "../command.ts";

type Bindings = Readonly<Record<string, readonly { HostIp: string; HostPort: string }[] | null>>;

const shown = ({ HostIp, HostPort }: { HostIp: string; HostPort: string }) =>
  `${HostIp.includes(":") ? `[${HostIp}]` : HostIp || "0.0.0.0"}:${HostPort}`;

export const command = define({
  summary: "Show the published ports of a container",
  usage: "CONTAINER [PORT[/PROTOCOL]]",
  flags: {},
  words: { least: 1, most: 2 },
  examples: [
    ["port web", "All"],
    ["port web 80/tcp", "Where this one is on the host"],
  ],
  run: async ({ words: [container = "", port], daemon, out }) => {
    const { NetworkSettings } = await (await daemon()).inspectContainer(container);
    const ports: Bindings = NetworkSettings?.Ports ?? {};
    if (port === undefined) {
      const lines = Object.entries(ports)
        .toSorted(([a], [b]) => parseInt(a, 10) - parseInt(b, 10) || (a < b ? -1 : 1))
        .flatMap(([inside, outside]) => (outside ?? []).map((each) => `${inside} -> ${shown(each)}\n`));
      await out.write(lines.join(""));
      return 0;
    }
    const key = port.includes("/") ? port : `${port}/tcp`;
    const found = Object.hasOwn(ports, key) ? (ports[key] ?? []) : [];
    if (found.length === 0)
      throw new SampanError("not_found", `cannot show port "${key}" of "${container}": it is not published`);
    await out.write(found.map((each) => `${shown(each)}\n`).join(""));
    return 0;
  },
});
