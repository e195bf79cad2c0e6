/**
 * The way to systemd: its manager object on D-Bus (org.freedesktop.systemd1(5)). Loaded only with the systemd driver. The library,
 * @jellybrick/dbus-next, is known to this file alone.
 */
import type { Message, MessageBus } from "@jellybrick/dbus-next";
import { SampanError } from "../../../../base/errors.ts";
import { hostFiles } from "../host.ts";
import type { Patience } from "../wait.ts";
import type { Property } from "./variant.ts";

const destination = "org.freedesktop.systemd1";
const path = "/org/freedesktop/systemd1";
const manager = "org.freedesktop.systemd1.Manager";

export interface BusOptions extends Patience {
  /** The user's own systemd, not the system's. */
  readonly user: boolean;
  /** Instead of where the bus is looked for. */
  readonly address?: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface Job {
  /** `done`, or `canceled`, `timeout`, `failed`, `dependency`, `skipped`. */
  readonly result: string;
}

/** Errors of all: `unavailable` when the bus is gone, `deadline_exceeded`, and systemd's own with its text and D-Bus name. */
export interface Systemd extends Disposable {
  /** 252 of "252.38-1~deb12u1". */
  version(): Promise<number>;
  property(name: string): Promise<unknown>;
  startTransientUnit(unit: string, properties: readonly Property[]): Promise<Job>;
  stopUnit(unit: string): Promise<Job>;
  resetFailedUnit(unit: string): Promise<void>;
  setUnitProperties(unit: string, properties: readonly Property[]): Promise<void>;
}

/** Errors: `unavailable` naming the address that was tried. */
export async function connectSystemd(options: BusOptions): Promise<Systemd> {
  const dbus = await import("@jellybrick/dbus-next");
  const address = busAddress(options);
  const bus = await opened(dbus, address, options);
  const call = async (
    member: string,
    signature = "",
    body: unknown[] = [],
    iface = manager,
  ): Promise<unknown[]> => {
    const message = new dbus.Message({ destination, path, interface: iface, member, signature, body });
    const reply = await within(options, `${member} of systemd`, bus.call(message)).catch(asSystemdError);
    return reply?.body ?? [];
  };
  const wrapped = (properties: readonly Property[]) =>
    properties.map(({ name, signature, value }) => [name, new dbus.Variant(signature, bytesAsBuffer(value))]);
  const property = async (name: string): Promise<unknown> => {
    const [value] = await call("Get", "ss", [manager, name], "org.freedesktop.DBus.Properties");
    return value instanceof dbus.Variant ? value.value : value;
  };
  return {
    property,
    version: async () => Number(/\d+/.exec(String(await property("Version")))?.[0] ?? 0),
    startTransientUnit: (unit, properties) =>
      finished(bus, options, unit, () =>
        call("StartTransientUnit", "ssa(sv)a(sa(sv))", [unit, "replace", wrapped(properties), []]),
      ),
    stopUnit: (unit) => finished(bus, options, unit, () => call("StopUnit", "ss", [unit, "replace"])),
    resetFailedUnit: async (unit) => void (await call("ResetFailedUnit", "s", [unit])),
    setUnitProperties: async (unit, properties) =>
      void (await call("SetUnitProperties", "sba(sv)", [unit, true, wrapped(properties)])),
    [Symbol.dispose]: () => bus.disconnect(),
  };
}

/** The D-Bus specification's well-known places, and the variables that change them. */
function busAddress({ user, address, environment }: BusOptions): string {
  if (address !== undefined) return address;
  if (!user) return environment["DBUS_SYSTEM_BUS_ADDRESS"] ?? "unix:path=/run/dbus/system_bus_socket";
  const session = environment["DBUS_SESSION_BUS_ADDRESS"];
  if (session !== undefined) return session;
  const folder = environment["XDG_RUNTIME_DIR"];
  if (folder !== undefined) return `unix:path=${folder}/bus`;
  throw new SampanError(
    "unavailable",
    "cannot reach the user's systemd: neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set",
  );
}

/** Asks for the signal that `finished` waits for. */
const jobsOver = {
  destination: "org.freedesktop.DBus",
  path: "/org/freedesktop/DBus",
  interface: "org.freedesktop.DBus",
  member: "AddMatch",
  signature: "s",
  body: [`type='signal',sender='${destination}',interface='${manager}',member='JobRemoved'`],
};

type Library = typeof import("@jellybrick/dbus-next");

async function opened(dbus: Library, busAddress: string, patience: Patience): Promise<MessageBus> {
  using _identity = ownUserId(hostFiles.read("/proc/self/uid_map") ?? "");
  const bus = dbus.sessionBus({ busAddress });
  const failed = new Promise<never>((_, reject) => bus.on("error", reject));
  // Also what says that the connection stands: it is the first call with an answer.
  const ready = Promise.race([failed, bus.call(new dbus.Message(jobsOver))]);
  try {
    await within(patience, `connect to the bus`, ready);
  } catch (error) {
    bus.disconnect();
    const cause = SampanError.from(error);
    throw new SampanError("unavailable", `cannot reach systemd: tried "${busAddress}": ${cause.message}`, {
      cause,
    });
  }
  return bus;
}

/**
 * In a user namespace the process's own number for its user is not the one that the bus sees, and the library claims the former. For as
 * long as it connects, it is told the latter.
 */
function ownUserId(uidMap: string): Disposable {
  const inside = process.getuid?.() ?? 0;
  const outside = outerId(uidMap, inside);
  if (outside === inside) return { [Symbol.dispose]: () => undefined };
  const original = process.getuid;
  process.getuid = () => outside;
  return {
    [Symbol.dispose]: () => {
      if (original !== undefined) process.getuid = original;
    },
  };
}

/** The number in the parent namespace, by user_namespaces(7): lines of `inside outside length`. */
export function outerId(map: string, id: number): number {
  for (const line of map.split("\n")) {
    const [inside = NaN, outside = NaN, length = NaN] = line.trim().split(/\s+/).map(Number);
    if (id >= inside && id < inside + length) return outside + id - inside;
  }
  return id;
}

/** Calls, and waits for the signal that the job which the call started is over. It may come before the call's answer. */
async function finished(
  bus: MessageBus,
  patience: Patience,
  unit: string,
  start: () => Promise<unknown[]>,
): Promise<Job> {
  const removed = new Map<string, string>();
  let wake = (): void => undefined;
  const listen = (message: Message): void => {
    if (message.member !== "JobRemoved" || message.interface !== manager) return;
    const [, job, , result] = message.body;
    removed.set(String(job), String(result));
    wake();
  };
  bus.on("message", listen);
  try {
    const [job] = await start();
    const over = new Promise<string>((resolve) => {
      wake = () => {
        const result = removed.get(String(job));
        if (result !== undefined) resolve(result);
      };
      wake();
    });
    return { result: await within(patience, `wait for unit "${unit}"`, over) };
  } finally {
    bus.off("message", listen);
  }
}

/** The library waits for ever on a bus that is silent. */
async function within<T>({ timeoutMs, signal }: Patience, what: string, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const cancel = (): void => reject(new SampanError("cancelled", `cannot ${what}: it was cancelled`));
  timer = setTimeout(
    () => reject(new SampanError("deadline_exceeded", `cannot ${what}: no answer in ${timeoutMs} ms`)),
    timeoutMs,
  );
  signal?.addEventListener("abort", cancel);
  try {
    if (signal?.aborted === true) cancel();
    return await Promise.race([promise, stopped]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", cancel);
  }
}

const codes: Readonly<Record<string, SampanError["code"]>> = {
  "org.freedesktop.systemd1.UnitExists": "already_exists",
  "org.freedesktop.systemd1.NoSuchUnit": "not_found",
  "org.freedesktop.DBus.Error.AccessDenied": "permission_denied",
  "org.freedesktop.DBus.Error.ServiceUnknown": "unavailable",
  "org.freedesktop.DBus.Error.InvalidArgs": "invalid_argument",
};

function asSystemdError(error: unknown): never {
  if (error instanceof SampanError) throw error;
  const { type, message } = error as { type?: string; message?: string };
  const text = `cannot do what was asked of systemd: ${message ?? String(error)} (${type ?? "no D-Bus error"})`;
  throw new SampanError(codes[type ?? ""] ?? "unknown", text, { cause: error });
}

/** The library takes arrays of bytes only as Buffer. */
function bytesAsBuffer(value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value) : value;
}
