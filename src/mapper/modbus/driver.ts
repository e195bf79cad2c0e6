/**
 * Modbus over TCP. A device's configData: `ip`, `port` (502), `slaveID` (1), `timeout` in milliseconds (3000). A property's:
 *
 *   register        CoilRegister, DiscreteInputRegister, InputRegister, HoldingRegister
 *   offset, limit   the first register, from 0, and how many: 1; 2 and 4 for numbers of 32 and 64 bits
 *   scale           the value is the register's times it: 1
 *   isSwap          the two bytes of each register are swapped
 *   isRegisterSwap  the registers of one number stand in the other order
 *   unsigned        whole numbers have no sign
 *
 * Source: Modbus Application Protocol 1.1b3; field names as KubeEdge's Modbus mapper has them.
 */
import { connect } from "node:net";
import { client as modbus } from "jsmodbus";
import { SampanError } from "../../base/errors.ts";
import type { Connection, Driver, Value } from "../driver.ts";
import { flagOf, numberOf, textOf, wordOf } from "../settings.ts";
import { bytesOf, type Layout, numberFrom } from "./numbers.ts";

const registers = ["CoilRegister", "DiscreteInputRegister", "InputRegister", "HoldingRegister"] as const;

interface Config {
  readonly host: string;
  readonly port: number;
  readonly unit: number;
  readonly timeout: number;
}

interface Visitor extends Layout {
  readonly register: (typeof registers)[number];
  readonly offset: number;
}

export const modbusDriver: Driver<Config, Visitor> = {
  protocol: "modbus",
  version: "1.0.0",

  config: (data) => ({
    host: textOf(data, "ip"),
    port: numberOf(data, "port", { least: 1, most: 65_535, otherwise: 502 }),
    unit: numberOf(data, "slaveID", { least: 0, most: 255, otherwise: 1 }),
    timeout: numberOf(data, "timeout", { least: 1, most: 60_000, otherwise: 3000 }),
  }),

  visitor: (data, { type }) => ({
    register: wordOf(data, "register", registers),
    offset: numberOf(data, "offset", { least: 0, most: 65_535 }),
    count: numberOf(data, "limit", { least: 1, most: 4, otherwise: 1 }),
    scale: numberOf(data, "scale", { otherwise: 1 }) || 1,
    isByteSwapped: flagOf(data, "isSwap"),
    isWordSwapped: flagOf(data, "isRegisterSwap"),
    isUnsigned: flagOf(data, "unsigned"),
    isFloat: (type === "FLOAT" || type === "DOUBLE") && numberOf(data, "limit", { otherwise: 1 }) > 1,
  }),

  open: async (config, signal) => openConnection(config, signal),
};

async function openConnection(
  { host, port, unit, timeout }: Config,
  signal: AbortSignal,
): Promise<Connection<Visitor>> {
  const socket = connect({ host, port, signal });
  const client = new modbus.TCP(socket, unit, timeout);
  const { promise: opened, resolve, reject } = Promise.withResolvers<void>();
  socket
    .once("connect", resolve)
    .on("error", reject)
    .once("close", () => reject(new Error("it closed the connection")));
  const limit = setTimeout(() => reject(new Error(`it did not answer within ${timeout} ms`)), timeout);
  try {
    await opened;
  } catch (cause) {
    socket.destroy();
    throw away(`cannot connect to ${host}:${port}`, cause);
  } finally {
    clearTimeout(limit);
  }
  const ask = async <Answer>(what: string, request: Promise<Answer>): Promise<Answer> =>
    request.catch((cause: unknown) => {
      throw away(`cannot ${what}`, cause);
    });
  return {
    read: async (visitor) => ask(`read ${visitor.register} ${visitor.offset}`, read(client, visitor)),
    write: async (visitor, value) =>
      ask(`write ${visitor.register} ${visitor.offset}`, write(client, visitor, value)),
    [Symbol.asyncDispose]: async () => {
      socket.destroy();
    },
  };
}

type Client = InstanceType<typeof modbus.TCP>;

async function read(client: Client, visitor: Visitor): Promise<Value> {
  const { register, offset, count } = visitor;
  switch (register) {
    case "CoilRegister":
      return bit((await client.readCoils(offset, 1)).response.body.valuesAsArray);
    case "DiscreteInputRegister":
      return bit((await client.readDiscreteInputs(offset, 1)).response.body.valuesAsArray);
    case "InputRegister":
      return numberFrom(
        (await client.readInputRegisters(offset, count)).response.body.valuesAsBuffer,
        visitor,
      );
    case "HoldingRegister":
      return numberFrom(
        (await client.readHoldingRegisters(offset, count)).response.body.valuesAsBuffer,
        visitor,
      );
  }
}

function bit(values: ArrayLike<number | boolean>): boolean {
  return Boolean(values[0]);
}

async function write(client: Client, visitor: Visitor, value: Value): Promise<void> {
  if (visitor.register === "CoilRegister")
    await client.writeSingleCoil(visitor.offset, value === true || value === 1 || value === "true");
  else if (visitor.register === "HoldingRegister")
    await client.writeMultipleRegisters(visitor.offset, bytesOf(Number(value), visitor));
  else
    throw new SampanError(
      "failed_precondition",
      `registers of the kind ${visitor.register} can only be read`,
    );
}

/** The library rejects with records of its own as well as with errors. */
function away(what: string, cause: unknown): SampanError {
  if (cause instanceof SampanError) return cause;
  const { message, err } = (cause ?? {}) as { message?: unknown; err?: unknown };
  return new SampanError(
    "unavailable",
    `${what}: ${[err, message].filter((each) => typeof each === "string").join(", ")}`,
    { cause },
  );
}
