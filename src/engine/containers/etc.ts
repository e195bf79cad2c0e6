/** Writes the files that are bound over the image's /etc/hosts, /etc/hostname and /etc/resolv.conf. */
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CreateBody } from "../../spec/docker/create.ts";
import { hostConfig, sharesHostNetwork } from "./request.ts";
import { extraHostsText, hostsText, resolvText, type HostsInput } from "./spec/etc-files.ts";

/** What the network says of itself. */
export interface EtcInput {
  /** The folder of the container whose network it shares: its files are taken as they are. */
  readonly sharedFolder?: string;
  /** Its own, `172.17.0.2/16`. */
  readonly addresses?: readonly string[];
  /** A resolver of our own. */
  readonly nameservers?: readonly string[];
  /** Other containers by the names that it has for them. */
  readonly links?: HostsInput["links"];
  /** What `host-gateway` means. */
  readonly gateway?: string;
  readonly defaults?: {
    readonly dns: readonly string[];
    readonly search: readonly string[];
    readonly options: readonly string[];
  };
}

export interface EtcFiles extends EtcInput {
  readonly body: CreateBody;
  readonly hostname: string;
}

const names = ["hosts", "hostname", "resolv.conf"] as const;

/** By place in the container. */
export function writeEtcFiles(folder: string, input: EtcFiles): Record<string, string> {
  const from = input.sharedFolder;
  if (from !== undefined) return Object.fromEntries(names.map((name) => [`/etc/${name}`, join(from, name)]));
  const texts = textsOf(input);
  return Object.fromEntries(
    names.map((name) => {
      const path = join(folder, name);
      writeFileSync(path, texts[name], { mode: 0o644 });
      // The caller's umask is not the container's users'.
      chmodSync(path, 0o644);
      return [`/etc/${name}`, path];
    }),
  );
}

/** Of one that runs, when its networks change. A file that the container has changed is its own. The same inode, since it is bound over the image's. */
export function renewEtcFiles(folder: string, before: EtcFiles, after: EtcFiles): void {
  const [old, now] = [textsOf(before), textsOf(after)];
  for (const name of ["hosts", "resolv.conf"] as const) {
    const path = join(folder, name);
    if (old[name] !== now[name] && ownFile(path) === old[name]) writeFileSync(path, now[name]);
  }
}

const noDefaults = { dns: [], search: [], options: [] } as const;

function textsOf(input: EtcFiles): Record<(typeof names)[number], string> {
  const {
    body,
    hostname,
    addresses = [],
    nameservers = [],
    links = [],
    gateway,
    defaults = noDefaults,
  } = input;
  const asked = hostConfig(body);
  const sharesHost = sharesHostNetwork(body);
  const extra = asked.ExtraHosts ?? [];
  const own = () =>
    hostsText({
      hostname,
      domainname: body.Domainname ?? "",
      addresses: addresses.map((address) => address.replace(/\/.*$/, "")),
      extra,
      links,
      gateway,
      ipv6: true,
    });
  return {
    hosts: sharesHost ? `${ownFile("/etc/hosts")}${extraHostsText(extra, "127.0.0.1")}` : own(),
    hostname: `${hostname}\n`,
    "resolv.conf": resolvText({ host: hostResolv(sharesHost), nameservers, asked, defaults, sharesHost }),
  };
}

/** Behind systemd-resolved's own address on loopback, the servers that it asks. */
function hostResolv(sharesHost: boolean): string {
  const text = ownFile("/etc/resolv.conf");
  const servers = text.match(/^nameserver\s+\S+/gm) ?? [];
  const behind = !sharesHost && servers.length > 0 && servers.every((line) => line.endsWith("127.0.0.53"));
  return behind ? ownFile("/run/systemd/resolve/resolv.conf") || text : text;
}

function ownFile(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}
