/**
 * The room as a device that speaks JSON over MQTT: it publishes `{"temperature":21.4,"target":21.5,"enabled":true,"heating":false}` on `<topic>/state`, retained, when something of it
 * changes, and takes `{"target":22}` and `{"enabled":false}` on `<topic>/set`.
 */
import { connectAsync } from "mqtt";
import { SampanError } from "../../base/errors.ts";
import { Room } from "./thermostat.ts";

export interface MqttThermostatOptions {
  /** `mqtt://127.0.0.1:1883` */
  readonly url: string;
  /** `thermostat` */
  readonly topic?: string;
  readonly room?: Room;
}

const step = 100;
const largest = 1024;

/** Resolves when it is connected and has published its state. Errors: `unavailable`. */
export async function openMqttThermostat(
  options: MqttThermostatOptions,
): Promise<AsyncDisposable & { readonly room: Room }> {
  const { url, topic = "thermostat", room = new Room() } = options;
  const client = await connectAsync(url, { reconnectPeriod: 1000, connectTimeout: 5000 }, false).catch(
    (cause: unknown) => {
      throw new SampanError("unavailable", `cannot connect to ${url}: ${SampanError.from(cause).message}`, {
        cause,
      });
    },
  );
  client.on("error", () => {});
  let shown = "";
  const show = () => {
    const { target, isEnabled: enabled, isHeating: heating } = room;
    const text = JSON.stringify({
      temperature: Math.round(room.temperature * 10) / 10,
      target,
      enabled,
      heating,
    });
    if (text === shown) return undefined;
    shown = text;
    return client.publishAsync(`${topic}/state`, text, { qos: 1, retain: true });
  };
  client.on("message", (_, payload) => {
    take(room, payload);
    void show()?.catch(() => {});
  });
  await client.subscribeAsync(`${topic}/set`, { qos: 1 });
  await show();
  const timer = setInterval(() => {
    room.pass(step / 1000);
    void show()?.catch(() => {});
  }, step);
  return {
    room,
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      await client.endAsync(true);
    },
  };
}

/** What is none is left as it is. */
function take(room: Room, payload: Buffer): void {
  if (payload.length > largest) return;
  let wish: unknown;
  try {
    wish = JSON.parse(payload.toString());
  } catch {
    return;
  }
  const { target, enabled } = (wish ?? {}) as { readonly target?: unknown; readonly enabled?: unknown };
  if (typeof target === "number" && target >= 5 && target <= 30) room.target = target;
  if (typeof enabled === "boolean") room.isEnabled = enabled;
}
