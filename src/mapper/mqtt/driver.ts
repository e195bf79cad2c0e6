/**
 * Devices that speak JSON over MQTT. A device's configData: `url` (mqtt://127.0.0.1:1883), `username`, `password`, `clientID`. A property's:
 *
 *   topic      where the device publishes it
 *   path       the value's place in the JSON, with dots: `sensor.temperature`; without it the whole payload is the value
 *   setTopic   where it takes what is wanted
 *   setPath    the place of the value in what it takes; without it the value alone is the payload
 */
import { connectAsync } from "mqtt";
import { SampanError } from "../../base/errors.ts";
import type { Connection, Driver, Value } from "../driver.ts";
import { textOf } from "../settings.ts";
import { valueAt, withValueAt } from "./path.ts";

interface Config {
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
  readonly clientId?: string;
}

interface Visitor {
  readonly topic: string;
  readonly path: string;
  readonly setTopic: string;
  readonly setPath: string;
}

export const mqttDriver: Driver<Config, Visitor> = {
  protocol: "mqtt",
  version: "1.0.0",

  config: (data) => ({
    url: textOf(data, "url", "mqtt://127.0.0.1:1883"),
    ...(data["username"] === undefined ? {} : { username: textOf(data, "username") }),
    ...(data["password"] === undefined ? {} : { password: textOf(data, "password") }),
    ...(data["clientID"] === undefined ? {} : { clientId: textOf(data, "clientID") }),
  }),

  visitor: (data, { isWritable }) => ({
    topic: textOf(data, "topic"),
    path: String(data["path"] ?? ""),
    setTopic: isWritable ? String(data["setTopic"] ?? "") : "",
    setPath: String(data["setPath"] ?? ""),
  }),

  open: async ({ url, ...options }) => {
    const client = await connectAsync(
      url,
      { ...options, connectTimeout: 5000, reconnectPeriod: 1000, manualConnect: false },
      false,
    ).catch((cause: unknown) => {
      throw new SampanError("unavailable", `cannot connect to ${url}: ${SampanError.from(cause).message}`, {
        cause,
      });
    });
    client.on("error", () => {});
    const latest = new Map<Visitor, Value>();
    const connection: Connection<Visitor> = {
      read: async (visitor) => {
        const value = latest.get(visitor);
        if (value === undefined)
          throw new SampanError("unavailable", `nothing was published on "${visitor.topic}" yet`);
        return value;
      },
      write: async ({ setTopic, setPath }, value) => {
        if (setTopic === "")
          throw new SampanError("failed_precondition", "it has no setTopic, and can only be read");
        await client.publishAsync(
          setTopic,
          setPath === "" ? String(value) : JSON.stringify(withValueAt(setPath, value)),
          { qos: 1 },
        );
      },
      follow: async (visitors, told) => {
        client.on("message", (topic, payload) => {
          for (const [name, visitor] of visitors) {
            if (visitor.topic !== topic) continue;
            const value = valueAt(payload, visitor.path);
            if (value === undefined) continue;
            latest.set(visitor, value);
            told(name, value);
          }
        });
        await client.subscribeAsync([...new Set([...visitors.values()].map(({ topic }) => topic))], {
          qos: 1,
        });
      },
      [Symbol.asyncDispose]: async () => {
        await client.endAsync(true);
      },
    };
    return connection;
  },
};
