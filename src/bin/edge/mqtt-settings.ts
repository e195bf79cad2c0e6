/** The table `mqtt` of an edge's settings. */
import { readFileSync } from "node:fs";
import { invalid } from "../../base/errors.ts";
import type { Table } from "../../engine/settings-table.ts";
import { brokerLimits, type BrokerLimits, type EventBusOptions } from "../../fleet/edge/eventbus/options.ts";

export interface MqttSettings {
  readonly mode: "internal" | "external" | "both";
  readonly host: string;
  readonly port: number;
  /** A file of users and their rights. */
  readonly users: string | undefined;
  /** Where clients come in by TLS; undefined: nowhere. */
  readonly tls: TlsSettings | undefined;
  readonly limits: Partial<BrokerLimits>;
  /** Of the broker outside. */
  readonly url: string | undefined;
  readonly username: string | undefined;
  readonly passwordFile: string | undefined;
  /** A file of the authority of an `mqtts:` one; without it those that the machine trusts. */
  readonly authority: string | undefined;
}

/** Files in PEM. */
export interface TlsSettings {
  readonly host: string;
  readonly port: number;
  readonly certificate: string;
  readonly key: string;
  /** With it only clients that it has signed for are let in. */
  readonly clients: string | undefined;
}

const keys = [
  "mode",
  "host",
  "port",
  "users",
  "tls",
  "limits",
  "url",
  "username",
  "password_file",
  "authority",
];

interface Checks {
  readonly isAddress: (text: string) => boolean;
  readonly port: (table: Table, key: string) => number | undefined;
}

export function mqttOf(top: Table, checks: Checks): MqttSettings {
  const table = top.table("mqtt", keys);
  const isUrl = (text: string) => /^mqtts?:\/\//.test(text) && URL.canParse(text);
  return {
    mode: table.among("mode", ["internal", "external", "both"]) ?? "internal",
    host: table.fitting("host", checks.isAddress, "an address of this machine") ?? "127.0.0.1",
    port: checks.port(table, "port") ?? 1884,
    users: table.path("users"),
    tls: tlsOf(table, checks),
    limits: limitsOf(table),
    url: table.fitting("url", isUrl, "mqtt://host:port or mqtts://host:port"),
    username: table.text("username"),
    passwordFile: table.path("password_file"),
    authority: table.path("authority"),
  };
}

function tlsOf(mqtt: Table, { isAddress, port }: Checks): TlsSettings | undefined {
  const table = mqtt.table("tls", ["host", "port", "certificate", "key", "clients"]);
  const [certificate, key] = [table.path("certificate"), table.path("key")];
  if (table.keys().length === 0) return undefined;
  if (certificate === undefined || key === undefined)
    throw invalid("cannot use settings mqtt.tls: wanted a certificate and its key");
  return {
    host: table.fitting("host", isAddress, "an address of this machine") ?? "0.0.0.0",
    port: port(table, "port") ?? 8883,
    certificate,
    key,
    clients: table.path("clients"),
  };
}

const nameOf = (limit: string) => limit.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** By the names of `BrokerLimits`: `retainedBytes` is `retained_bytes`. */
function limitsOf(mqtt: Table): Partial<BrokerLimits> {
  const names = Object.keys(brokerLimits) as (keyof BrokerLimits)[];
  const table = mqtt.table("limits", names.map(nameOf));
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = table.count(nameOf(name), 1, 2 ** 31 - 1);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** As the EventBus takes it, with what stands in files. */
export function busOf(mqtt: MqttSettings): EventBusOptions {
  const { mode, host, port, users, tls, limits, url, username, passwordFile, authority } = mqtt;
  const read = (path: string) => readFileSync(path, "utf8");
  return {
    mode,
    internal: {
      host,
      port,
      limits,
      ...(users === undefined ? {} : { users }),
      ...(tls === undefined
        ? {}
        : {
            tls: {
              host: tls.host,
              port: tls.port,
              cert: read(tls.certificate),
              key: read(tls.key),
              ...(tls.clients === undefined ? {} : { ca: read(tls.clients) }),
            },
          }),
    },
    external: {
      ...(url === undefined ? {} : { url }),
      ...(username === undefined ? {} : { username }),
      ...(passwordFile === undefined ? {} : { password: read(passwordFile).trimEnd() }),
      ...(authority === undefined ? {} : { ca: read(authority) }),
    },
  };
}
