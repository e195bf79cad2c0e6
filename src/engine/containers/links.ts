/**
 * `--link` on the default bridge, where no names are answered: the other's address in /etc/hosts, and its ports and environment as variables. Its address
 * follows when it starts again (relink.ts), the variables stay. In a network that answers names a link is a name more, which is the network's work.
 */
import { SampanError, invalid } from "../../base/errors.ts";
import type { CreateBody } from "../../spec/docker/create.ts";
import type { Networks } from "../networks/networks.ts";
import type { ContainerInfo } from "./containers.ts";
import { hostnameOf } from "./bundle.ts";
import { mergedEnvironment } from "./process.ts";
import { hostConfig } from "./request.ts";

export interface Link {
  /** Of a container. */
  readonly reference: string;
  readonly alias: string;
}

/** `name`, `name:alias`, and what inspect tells of them: `/name:/own/alias`. Errors: `invalid_argument`. */
export function linksOf(body: CreateBody): Link[] {
  return (hostConfig(body).Links ?? []).map((text) => {
    const [, reference = "", , alias = reference] =
      /^\/?([a-zA-Z0-9][a-zA-Z0-9_.-]*)(:(?:\/[^/:]+\/)?([a-zA-Z0-9][a-zA-Z0-9_.-]*))?$/.exec(text) ?? [];
    if (reference !== "") return { reference, alias };
    throw invalid(`cannot link to ${JSON.stringify(text.slice(0, 150))}: wanted <container>[:<name>]`);
  });
}

/** Whether links are files and variables here. */
export function linksByFile(body: CreateBody): boolean {
  return ["", "default", "bridge"].includes(hostConfig(body).NetworkMode ?? "");
}

/** Errors: `invalid_argument` where there is no network to find anybody in. */
export function checkLinks(body: CreateBody): void {
  const [first] = linksOf(body);
  const { NetworkMode = "" } = hostConfig(body);
  if (first && /^(?:host|none|container:.*)$/.test(NetworkMode))
    throw invalid(
      `cannot link to "${first.reference}": links have no meaning in network mode "${NetworkMode}"`,
    );
}

export interface Linked {
  /** Lines of /etc/hosts. */
  readonly hosts: readonly { readonly address: string; readonly names: readonly string[] }[];
  readonly environment: readonly string[];
}

interface Others {
  readonly containers: { get(reference: string): ContainerInfo };
  readonly networks: Pick<Networks, "get">;
}

/** Errors: `failed_precondition` for one that does not run in the default bridge. */
export function linked({ containers, networks }: Others, info: ContainerInfo): Linked {
  const links = linksByFile(info.body) ? linksOf(info.body) : [];
  if (links.length === 0) return { hosts: [], environment: [] };
  const { endpoints } = networks.get("bridge");
  const found = links.map(({ reference, alias }) => {
    const other = containers.get(reference);
    const address = endpoints[other.id]?.ipv4?.replace(/\/.*$/, "");
    if (other.state === "running" && address !== undefined) return { other, alias, address };
    throw new SampanError(
      "failed_precondition",
      `Cannot link to a non running container: /${other.name} AS /${info.name}/${alias}`,
    );
  });
  return {
    hosts: found.map(({ other, alias, address }) => ({
      address,
      names: [...new Set([alias, hostnameOf(other.id, other.body), other.name])],
    })),
    environment: found.flatMap((each) => variables(info.name, each)),
  };
}

interface Found {
  readonly other: ContainerInfo;
  readonly alias: string;
  readonly address: string;
}

/** The names that Docker has for them. */
function variables(own: string, { other, alias, address }: Found): string[] {
  const prefix = alias.toUpperCase().replaceAll("-", "_");
  const { body, imageConfig } = other;
  const ports = Object.keys({ ...imageConfig.ExposedPorts, ...body.ExposedPorts })
    .map((port) => ({ number: Number.parseInt(port, 10), protocol: port.split("/")[1] ?? "tcp" }))
    .toSorted((a, b) => a.number - b.number || (a.protocol < b.protocol ? -1 : 1));
  const url = (port: (typeof ports)[number]) => `${port.protocol}://${address}:${port.number}`;
  const environment = mergedEnvironment([...(imageConfig.Env ?? []), ...(body.Env ?? [])]);
  return [
    `${prefix}_NAME=/${own}/${alias}`,
    ...ports.slice(0, 1).map((first) => `${prefix}_PORT=${url(first)}`),
    ...ports.flatMap((port) => {
      const name = `${prefix}_PORT_${port.number}_${port.protocol.toUpperCase()}`;
      return [
        `${name}=${url(port)}`,
        `${name}_ADDR=${address}`,
        `${name}_PORT=${port.number}`,
        `${name}_PROTO=${port.protocol}`,
      ];
    }),
    ...environment.filter((word) => !/^(?:HOME|PATH)=/.test(word)).map((word) => `${prefix}_ENV_${word}`),
  ];
}
