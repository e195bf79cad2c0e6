/**
 * A thermostat in a cool room, to try mappers with: `openModbusThermostat` is a Modbus TCP device.
 *
 *   input register 0     temperature of the room, tenths of a degree
 *   holding register 0   temperature that is wanted, tenths of a degree
 *   coil 0               whether it may heat
 *   discrete input 0     whether it heats
 *
 * The room loses a part of its difference to the outside, and the heater adds so much that 30 degrees can be reached.
 */
import { createServer, type Server, type Socket } from "node:net";
import { server as modbus } from "jsmodbus";

export interface RoomOptions {
  /** Degrees. */
  readonly outside?: number;
  readonly begin?: number;
  readonly target?: number;
  /** How much quicker than a real room: 60. */
  readonly pace?: number;
}

const lossPerSecond = 0.0004;
const heatPerSecond = 0.01;
const hysteresis = 0.2;

/** The physics alone. */
export class Room {
  temperature: number;
  target: number;
  isEnabled = true;
  isHeating = false;
  private readonly outside: number;
  private readonly pace: number;

  constructor({ outside = 8, begin = 18, target = 18, pace = 60 }: RoomOptions = {}) {
    this.outside = outside;
    this.temperature = begin;
    this.target = target;
    this.pace = pace;
  }

  /** Lets so many seconds pass. */
  pass(seconds: number): void {
    const time = seconds * this.pace;
    if (this.temperature < this.target - hysteresis) this.isHeating = this.isEnabled;
    if (this.temperature > this.target + hysteresis || !this.isEnabled) this.isHeating = false;
    const loss = (this.temperature - this.outside) * (1 - Math.exp(-lossPerSecond * time));
    this.temperature += (this.isHeating ? heatPerSecond * time : 0) - loss;
  }
}

export interface Thermostat extends AsyncDisposable {
  readonly port: number;
  readonly room: Room;
}

const step = 100;

/** Resolves when it listens. Port 0 for any. */
export async function openModbusThermostat(
  at: { readonly host: string; readonly port: number },
  room: Room = new Room(),
): Promise<Thermostat> {
  const sockets = new Set<Socket>();
  const tcp = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy()).once("close", () => sockets.delete(socket));
  });
  const [holding, input, coils, discrete] = [
    Buffer.alloc(2),
    Buffer.alloc(2),
    Buffer.alloc(1),
    Buffer.alloc(1),
  ];
  const device = new modbus.TCP(tcp, { holding, input, coils, discrete });
  holding.writeInt16BE(tenths(room.target));
  coils[0] = Number(room.isEnabled);
  const show = () => {
    input.writeInt16BE(tenths(room.temperature));
    discrete[0] = Number(room.isHeating);
  };
  const take = () => {
    room.target = holding.readInt16BE() / 10;
    room.isEnabled = ((coils[0] ?? 0) & 1) === 1;
  };
  for (const written of [
    "postWriteSingleRegister",
    "postWriteMultipleRegisters",
    "postWriteSingleCoil",
    "postWriteMultipleCoils",
  ] as const)
    device.on(written as "postWriteSingleRegister", take);
  show();
  const timer = setInterval(() => {
    take();
    room.pass(step / 1000);
    show();
  }, step);
  await listening(tcp, at);
  const address = tcp.address();
  return {
    room,
    port: typeof address === "object" && address ? address.port : at.port,
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      const closed = new Promise<void>((resolve) => tcp.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function tenths(degrees: number): number {
  return Math.max(-32_768, Math.min(32_767, Math.round(degrees * 10)));
}

async function listening(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject).listen(port, host, resolve);
  await promise;
}
