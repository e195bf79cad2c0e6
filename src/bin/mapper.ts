/** `sampan mapper PROTOCOL`: devices of one protocol between the edge and the field. `sampan simulate thermostat`: a device to try it with. */
import { version } from "../base/version.ts";
import { dirname, join } from "node:path";
import { invalid } from "../base/errors.ts";
import { type FlagTable, parseFlags } from "../cli/flags/flags.ts";
import type { Log } from "./daemon/log.ts";
import { commonFlags, flagHelp } from "./flag-help.ts";
import type { Room } from "../mapper/simulator/thermostat.ts";
import { runProgram, stopSignals, surviveErrors } from "./process.ts";

const { help } = commonFlags;

const mapperFlags = {
  dmi: {
    kind: "text",
    value: "PATH",
    help: "The edge's socket; /run/sampan/dmi.sock without it, /etc/kubeedge/dmi.sock is KubeEdge's",
  },
  socket: {
    kind: "text",
    value: "PATH",
    help: "Where the edge reaches this mapper; beside the edge's without it",
  },
  name: { kind: "text", value: "NAME", help: "The mapper's name; the protocol's without it" },
  help,
} as const satisfies FlagTable;

const simulateFlags = {
  "bind-address": { kind: "text", value: "ADDRESS", help: "Listen at this address; 127.0.0.1 without it" },
  port: { kind: "number", help: "Listen at this port; 5020 without it, 0 is any" },
  mqtt: {
    kind: "text",
    value: "URL",
    help: "Speak JSON over MQTT at this broker, as mqtt://127.0.0.1:1883, and not Modbus",
  },
  topic: {
    kind: "text",
    value: "TOPIC",
    help: "Its state is on TOPIC/state, its wishes on TOPIC/set; thermostat without it",
  },
  outside: { kind: "number", help: "Degrees outside of the room; 8 without it" },
  pace: { kind: "number", help: "How much quicker than a real room; 60 without it" },
  help,
} as const satisfies FlagTable;

const defaultDmi = "/run/sampan/dmi.sock";

const drivers = {
  modbus: async () => (await import("../mapper/modbus/driver.ts")).modbusDriver,
  mqtt: async () => (await import("../mapper/mqtt/driver.ts")).mqttDriver,
} as const;

const mapperUsage = `Usage:  sampan mapper PROTOCOL [OPTIONS]

Devices of one protocol, between the field and an edge: registers with the edge's DMI, reads devices in their cycles, writes what is wanted.
Protocols: modbus (Modbus TCP), mqtt (JSON over MQTT). What a device's configData may hold: docs/mappers.md

Options:
${flagHelp(mapperFlags)}

Examples:
  sampan mapper modbus
  sampan mapper mqtt --dmi /etc/kubeedge/dmi.sock
`;

const simulateUsage = `Usage:  sampan simulate thermostat [OPTIONS]

A thermostat in a cool room, as a Modbus TCP device: input register 0 is the temperature, holding register 0 what is wanted (both in tenths of a degree), coil 0 whether it may heat, discrete input 0
whether it does. With --mqtt it publishes {"temperature":18,"target":18,"enabled":true,"heating":false}, and takes {"target":22} and {"enabled":false}.

Options:
${flagHelp(simulateFlags)}

Examples:
  sampan simulate thermostat --port 5020
  sampan simulate thermostat --mqtt mqtt://127.0.0.1:1883 --topic room1
`;

/** Resolves with the exit status when it was told to end. */
export async function mapper(args: readonly string[]): Promise<number> {
  return await told("the mapper", mapperUsage, () => {
    const { flags, words } = parseFlags(mapperFlags, args);
    if (flags.help) return undefined;
    const [protocol = "", more] = words;
    if (!Object.hasOwn(drivers, protocol) || more !== undefined)
      throw invalid(
        `cannot map "${words.join(" ")}": wanted one protocol of ${Object.keys(drivers).join(", ")}`,
      );
    const { dmi = defaultDmi, name } = flags;
    const socket = flags.socket ?? join(dirname(dmi), `mapper-${name ?? protocol}.sock`);
    return async (signal, log) => {
      const { runMapper } = await import("../mapper/run.ts");
      const driver = await drivers[protocol as keyof typeof drivers]();
      const options = { dmi, socket, log: (text: string) => log("info", text), signal };
      await runMapper<unknown, unknown>(driver as never, name === undefined ? options : { ...options, name });
    };
  });
}

/** Resolves with the exit status when it was told to end. */
export async function simulate(args: readonly string[]): Promise<number> {
  return await told("the thermostat", simulateUsage, () => {
    const { flags, words } = parseFlags(simulateFlags, args);
    if (flags.help) return undefined;
    if (words.join(" ") !== "thermostat")
      throw invalid(`cannot simulate "${words.join(" ")}": wanted thermostat`);
    const { outside = 8, pace = 60, mqtt } = flags;
    const open = mqtt === undefined ? modbusThermostat(flags) : mqttThermostat(mqtt, flags.topic);
    return async (signal, log) => {
      const { Room } = await import("../mapper/simulator/thermostat.ts");
      await using device = await open(new Room({ outside, pace }));
      log("info", "ready", { version, ...device.said });
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    };
  });
}

type Thermostat = AsyncDisposable & { readonly said: Readonly<Record<string, unknown>> };

function modbusThermostat(flags: {
  readonly "bind-address": string | undefined;
  readonly port: number | undefined;
}) {
  const { "bind-address": host = "127.0.0.1", port = 5020 } = flags;
  return async (room: Room): Promise<Thermostat> => {
    const { openModbusThermostat } = await import("../mapper/simulator/thermostat.ts");
    const device = await openModbusThermostat({ host, port }, room);
    return { said: { host, port: device.port }, [Symbol.asyncDispose]: () => device[Symbol.asyncDispose]() };
  };
}

function mqttThermostat(url: string, topic = "thermostat") {
  return async (room: Room): Promise<Thermostat> => {
    const { openMqttThermostat } = await import("../mapper/simulator/mqtt.ts");
    const device = await openMqttThermostat({ url, topic, room });
    return { said: { url, topic }, [Symbol.asyncDispose]: () => device[Symbol.asyncDispose]() };
  };
}

type Work = (signal: AbortSignal, log: Log) => Promise<void>;

/** A server that has nothing to close in order: what fails after it was told to end is its end. */
function told(what: string, usage: string, read: () => Work | undefined): Promise<number> {
  return runProgram({
    help: () => usage,
    read,
    serve: async (work, log) => {
      surviveErrors(log);
      const stop = stopSignals(log, { words: "told to end", reason: `${what} ends` });
      try {
        await work(stop.signal, log);
      } catch (error) {
        if (!stop.signal.aborted) throw error;
      }
      return 0;
    },
  });
}
