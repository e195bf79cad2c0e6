/** POST /networks/create. */
import { SampanError } from "../../../base/errors.ts";
import type { LiveEngine } from "../../../engine/engine.ts";
import type { CreateNetwork, NetworkInfo } from "../../../engine/networks/networks.ts";
import { json } from "../answer.ts";
import { flagOf, record, recordsOf, textOf, textsOf, type Fields } from "../parse.ts";
import type { Answer, Call } from "../route.ts";
import { notInSwarm } from "../swarm.ts";

export async function createNetwork({ networks }: Pick<LiveEngine, "networks">, call: Call): Promise<Answer> {
  const body = await call.json((value) => record(value, "the network"));
  if (textOf(body, "Scope") === "swarm" || flagOf(body, "Ingress")) throw notInSwarm();
  const info = await networks.create(requestOf(body));
  return json({ Id: info.id, Warning: "" }, 201);
}

function requestOf(body: Fields): CreateNetwork {
  const ipam = record(body["IPAM"] ?? {}, `"IPAM"`);
  const pools = recordsOf(ipam, "Config").map(requestedPool);
  const driver = textOf(body, "Driver");
  const ipamDriver = textOf(ipam, "Driver");
  if (ipamDriver && ipamDriver !== "default")
    throw new SampanError(
      "invalid_argument",
      `cannot create a network: its IPAM driver is "${ipamDriver}", wanted default`,
    );
  if (flagOf(body, "ConfigOnly") || body["ConfigFrom"])
    throw new SampanError("unimplemented", "networks that hold the configuration of others are not there");
  const flags = {
    internal: flagOf(body, "Internal"),
    attachable: flagOf(body, "Attachable"),
    ipv4: flagOf(body, "EnableIPv4"),
    ipv6: flagOf(body, "EnableIPv6"),
    options: textsOf(body, "Options"),
    labels: textsOf(body, "Labels"),
  };
  const given = Object.entries(flags).filter(([, value]) => value !== undefined);
  return {
    name: textOf(body, "Name") ?? "",
    ...(driver ? { driver } : {}),
    ...(pools.length > 0 ? { ipam: pools } : {}),
    ...(Object.fromEntries(given) as Partial<CreateNetwork>),
  };
}

function requestedPool(pool: Fields): NetworkInfo["ipam"][number] {
  const [range, gateway, reserved] = [
    textOf(pool, "IPRange"),
    textOf(pool, "Gateway"),
    textsOf(pool, "AuxiliaryAddresses"),
  ];
  return {
    subnet: textOf(pool, "Subnet") ?? "",
    ...(range ? { range } : {}),
    ...(gateway ? { gateway } : {}),
    ...(reserved ? { reserved } : {}),
  };
}
