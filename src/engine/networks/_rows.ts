/** The rows of networks: what shall be. All calls are synchronous; who changes several calls them in one transaction. */
import type { EndpointSettings } from "../../spec/docker/create.ts";
import type { Store } from "../store/store.ts";
import type { NetworkInfo } from "./networks.ts";

/** What of a network is kept as JSON. */
export type NetworkConfig = Pick<
  NetworkInfo,
  "internal" | "attachable" | "ipv4" | "ipv6" | "ipam" | "options" | "labels"
>;

export interface NetworkRow extends NetworkConfig {
  readonly id: string;
  readonly name: string;
  readonly driver: NetworkInfo["driver"];
  /** The bridge; null for host and none. */
  readonly device: string | null;
  readonly created: number;
}

export interface EndpointRow {
  /** Rises: the order in which they came. */
  readonly number: number;
  readonly id: string;
  readonly network: string;
  readonly container: string;
  readonly names: readonly string[];
  readonly asked: EndpointSettings;
  /** Set while the sandbox is open; the addresses until the kernel has taken its devices away. */
  readonly mac: string | null;
  readonly ipv4: string | null;
  readonly ipv6: string | null;
  readonly device: string | null;
}

/** Whether something on the host may be of it: it is open, or not yet all of it has gone. */
export const isHeld = ({ device, ipv4, ipv6 }: EndpointRow): boolean =>
  device !== null || ipv4 !== null || ipv6 !== null;

export type PortsMade = Readonly<Record<string, readonly { HostIp: string; HostPort: string }[]>>;

export interface SandboxRow {
  readonly container: string;
  readonly path: string;
  readonly ports: PortsMade;
  /** Servers that were asked for instead of the host's. */
  readonly dns: readonly string[];
}

export interface PortRow {
  /** Of the host; `0.0.0.0` and `::` are all of a family. */
  readonly address: string;
  readonly protocol: string;
  readonly port: number;
  readonly container: string;
  /** Of the container; empty where it has none that is reached. */
  readonly target: string;
  readonly target_port: number;
}

type Raw = Record<string, string | number | null>;

const networkOf = ({ config, ...row }: Raw): NetworkRow =>
  ({ ...row, ...(JSON.parse(String(config)) as NetworkConfig) }) as unknown as NetworkRow;
const endpointOf = ({ names, asked, ...row }: Raw): EndpointRow =>
  ({ ...row, names: JSON.parse(String(names)), asked: JSON.parse(String(asked)) }) as unknown as EndpointRow;
const sandboxOf = ({ ports, dns, ...row }: Raw): SandboxRow =>
  ({ ...row, ports: JSON.parse(String(ports)), dns: JSON.parse(String(dns)) }) as unknown as SandboxRow;

/** Of a transaction about what ends with the machine: a sandbox, its addresses and ports. */
export const brief = { durable: false } as const;

export type Rows = ReturnType<typeof rowsOf>;

export function rowsOf(store: Store) {
  const { db } = store;
  const all = (sql: string, ...values: (string | number | null)[]): Raw[] =>
    db.query<Raw, (string | number | null)[]>(sql).all(...values);
  const run = (sql: string, ...values: (string | number | null)[]): void => {
    db.query(sql).run(...values);
  };
  return {
    transaction: <Result>(
      change: () => Result,
      options: { readonly durable: boolean } = { durable: true },
    ): Result => store.transaction(change, options),

    networks: () => all("SELECT * FROM networks ORDER BY created, id").map(networkOf),
    addNetwork({ id, name, driver, device, created, ...config }: NetworkRow): void {
      run(
        "INSERT INTO networks (id, name, driver, device, created, config) VALUES (?, ?, ?, ?, ?, ?)",
        id,
        name,
        driver,
        device,
        created,
        JSON.stringify(config),
      );
    },
    removeNetwork: (id: string) => run("DELETE FROM networks WHERE id = ?", id),

    endpoints: () => all("SELECT * FROM network_endpoints ORDER BY number").map(endpointOf),
    endpointsOf: (container: string) =>
      all("SELECT * FROM network_endpoints WHERE container = ? ORDER BY number", container).map(endpointOf),
    endpointsIn: (network: string) =>
      all("SELECT * FROM network_endpoints WHERE network = ? ORDER BY number", network).map(endpointOf),
    addEndpoint({ id, network, container, names, asked }: Omit<EndpointRow, "number">): void {
      run(
        "INSERT INTO network_endpoints (id, network, container, names, asked) VALUES (?, ?, ?, ?, ?)",
        id,
        network,
        container,
        JSON.stringify(names),
        JSON.stringify(asked),
      );
    },
    openEndpoint(row: EndpointRow): void {
      const { id, names, mac, ipv4, ipv6, device } = row;
      run(
        "UPDATE network_endpoints SET names = ?, mac = ?, ipv4 = ?, ipv6 = ?, device = ? WHERE id = ?",
        JSON.stringify(names),
        mac,
        ipv4,
        ipv6,
        device,
        id,
      );
    },
    /** They are open no more; what they were given stays theirs. */
    leaveEndpoints: (container: string) =>
      run("UPDATE network_endpoints SET device = NULL WHERE container = ?", container),
    closeEndpoints: (container: string) =>
      run(
        "UPDATE network_endpoints SET mac = NULL, ipv4 = NULL, ipv6 = NULL, device = NULL WHERE container = ?",
        container,
      ),
    hasContainer: (id: string) => all("SELECT 1 FROM containers WHERE id = ?", id).length > 0,
    removeEndpoint: (id: string) => run("DELETE FROM network_endpoints WHERE id = ?", id),

    sandboxes: () => all("SELECT * FROM network_sandboxes").map(sandboxOf),
    sandbox: (container: string) =>
      all("SELECT * FROM network_sandboxes WHERE container = ?", container).map(sandboxOf)[0],
    addSandbox({ container, path, ports, dns }: SandboxRow): void {
      run(
        "INSERT OR REPLACE INTO network_sandboxes (container, path, ports, dns) VALUES (?, ?, ?, ?)",
        container,
        path,
        JSON.stringify(ports),
        JSON.stringify(dns),
      );
    },
    removeSandbox: (container: string) => run("DELETE FROM network_sandboxes WHERE container = ?", container),

    ports: () => all("SELECT * FROM network_ports") as unknown as PortRow[],
    portsOf: (container: string) =>
      all("SELECT * FROM network_ports WHERE container = ?", container) as unknown as PortRow[],
    portsAt: (protocol: string, port: number) =>
      all(
        "SELECT * FROM network_ports WHERE protocol = ? AND port = ?",
        protocol,
        port,
      ) as unknown as PortRow[],
    addPort({ address, protocol, port, container, target, target_port }: PortRow): void {
      run(
        "INSERT INTO network_ports (address, protocol, port, container, target, target_port) VALUES (?, ?, ?, ?, ?, ?)",
        address,
        protocol,
        port,
        container,
        target,
        target_port,
      );
    },
    removePort: ({ address, protocol, port }: PortRow) =>
      run(
        "DELETE FROM network_ports WHERE address = ? AND protocol = ? AND port = ?",
        address,
        protocol,
        port,
      ),
    removePorts: (container: string) => run("DELETE FROM network_ports WHERE container = ?", container),
  };
}
