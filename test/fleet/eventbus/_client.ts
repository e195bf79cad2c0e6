/** MQTT clients whose messages a test waits for by name. */
import { connectAsync, type IClientOptions, type MqttClient } from "mqtt";

export interface Heard {
  readonly topic: string;
  readonly text: string;
  readonly qos: number;
  readonly retain: boolean;
}

export interface TestClient extends AsyncDisposable {
  readonly mqtt: MqttClient;
  /** The first message of the topic that was not taken before; waits for it. */
  take(topic: string): Promise<Heard>;
  /** What came and was not taken. */
  readonly rest: readonly Heard[];
  /** Resolves when the broker ends the connection. */
  readonly closed: Promise<void>;
}

export async function mqttClient(port: number, options: IClientOptions = {}): Promise<TestClient> {
  const rest: Heard[] = [];
  const waiting = new Set<() => void>();
  const closed = Promise.withResolvers<void>();
  const mqtt = await connectAsync({
    host: "127.0.0.1",
    port,
    protocol: "mqtt",
    reconnectPeriod: 0,
    connectTimeout: 20_000,
    ...options,
  });
  mqtt.on("error", () => {});
  mqtt.on("close", () => closed.resolve());
  mqtt.on("message", (topic, payload, { qos, retain }) => {
    rest.push({ topic, text: payload.toString(), qos, retain });
    for (const each of waiting) each();
  });
  return {
    mqtt,
    rest,
    closed: closed.promise,
    async take(topic) {
      for (;;) {
        const index = rest.findIndex((each) => each.topic === topic);
        const [found] = index < 0 ? [] : rest.splice(index, 1);
        if (found) return found;
        await new Promise<void>((resolve) => {
          const wake = () => {
            waiting.delete(wake);
            resolve();
          };
          waiting.add(wake);
        });
      }
    },
    async [Symbol.asyncDispose]() {
      await mqtt.endAsync(true);
    },
  };
}
