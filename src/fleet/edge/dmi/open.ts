/**
 * The device management interface: mappers register on a unix socket, are told of the devices of their protocol, and report what they read. Any number of reports is taken; a report that is not as
 * it should be is refused by name and brings nothing down. Registrations are kept, so that a mapper hears of changes after a restart of the edge without registering again.
 */
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Code as OurCode, invalid, SampanError } from "../../../base/errors.ts";
import { printable } from "../../../base/printable.ts";
import {
  DeviceManagerService,
  type MapperRegisterRequest,
  MapperRegisterResponseSchema,
  type ReportDeviceStatesRequest,
  type ReportDeviceStatusRequest,
} from "../../../wire/dmi/dmi_pb.ts";
import { openGrpcServer } from "../../../wire/grpc/server.ts";
import type { DeviceKey, PropertyReport, Twins } from "../twin/twins.ts";
import { Mapper, type MapperInfo } from "./mapper.ts";
import { deviceMessage, modelMessage, protocolOf } from "./messages.ts";

export interface DmiOptions {
  /** The socket: `/run/sampan/edge/dmi.sock`; KubeEdge's is `/etc/kubeedge/dmi.sock`. */
  readonly path: string;
  /** Where registrations are kept. */
  readonly folder: string;
  readonly twins: Twins;
  readonly log: (text: string) => void;
  readonly signal: AbortSignal;
}

const mostMappers = 256;
const mostProperties = 1024;
const mostConnections = 64;
const largestRequest = 1 << 20;
/** sun_path of unix(7), without its end. */
const longestPath = 107;

export async function openDmi(options: DmiOptions): Promise<AsyncDisposable> {
  const dmi = new Dmi(options);
  await using stack = new AsyncDisposableStack();
  stack.use(dmi);
  stack.use(options.twins.follow((change) => dmi.tell(change)));
  stack.use(
    await openGrpcServer({
      path: options.path,
      log: options.log,
      connections: mostConnections,
      requestLimit: largestRequest,
      routes: (router) =>
        router.service(DeviceManagerService, {
          mapperRegister: (request) => answer(() => dmi.register(request)),
          reportDeviceStatus: (request) => answer(() => dmi.report(request)),
          reportDeviceStates: (request) => answer(() => dmi.reportState(request)),
        }),
    }),
  );
  dmi.restore();
  return stack.move();
}

const codes: Readonly<Partial<Record<OurCode, Code>>> = {
  invalid_argument: Code.InvalidArgument,
  not_found: Code.NotFound,
  failed_precondition: Code.FailedPrecondition,
  resource_exhausted: Code.ResourceExhausted,
  unavailable: Code.Unavailable,
};

async function answer<Result>(work: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SampanError)
      throw new ConnectError(error.message, codes[error.code] ?? Code.Internal);
    throw error;
  }
}

class Dmi implements Disposable {
  private readonly options: DmiOptions;
  /** By name. */
  private readonly mappers = new Map<string, Mapper>();

  constructor(options: DmiOptions) {
    this.options = options;
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    chmodSync(options.folder, 0o700);
  }

  register({ mapper, withData }: MapperRegisterRequest) {
    const info = infoOf(mapper);
    if (!this.mappers.has(info.name) && this.mappers.size >= mostMappers)
      throw new SampanError(
        "resource_exhausted",
        `cannot register mapper "${info.name}": there are ${mostMappers}, which is the most`,
      );
    const devices = this.devicesOf(info.protocol);
    const before = this.mappers.get(info.name)?.info;
    this.put(info).knows(withData ? devices : []);
    // Mappers register again and again, since the edge may have become another one.
    if (!Bun.deepEquals(before, info)) {
      this.keep();
      this.options.log(
        `mapper "${info.name}" registered for protocol "${info.protocol}" with ${devices.length} devices`,
      );
    }
    if (!withData) return create(MapperRegisterResponseSchema);
    const models = new Map(
      devices.flatMap(({ model }) =>
        model ? [[model.metadata.uid ?? model.metadata.name ?? "", model] as const] : [],
      ),
    );
    return create(MapperRegisterResponseSchema, {
      deviceList: devices.flatMap(({ device }) => this.messageOf(device, deviceMessage)),
      modelList: [...models.values()].flatMap((model) => this.messageOf(model, modelMessage)),
    });
  }

  /** One device that cannot be told must not keep the others from a mapper. */
  private messageOf<Source extends { metadata: { name?: string } }, Message>(
    of: Source,
    make: (of: Source) => Message,
  ): Message[] {
    try {
      return [make(of)];
    } catch (error) {
      this.options.log(`"${of.metadata.name}" is told to no mapper: ${SampanError.from(error).message}`);
      return [];
    }
  }

  async report({ deviceName, deviceNamespace, reportedDevice }: ReportDeviceStatusRequest) {
    const twins = reportedDevice?.twins ?? [];
    if (twins.length > mostProperties)
      throw invalid(
        `cannot take the report of device "${printable(deviceName)}": it has ${twins.length} properties, wanted at most ${mostProperties}`,
      );
    const properties = twins.map(({ propertyName: name, observedDesired, reported }): PropertyReport => {
      if (name === "")
        throw invalid(`cannot take the report of device "${printable(deviceName)}": a property has no name`);
      const at = Number(reported?.metadata["timestamp"]);
      return {
        name,
        // Mappers have to fill it for old edges, also where nothing was wanted.
        ...(observedDesired?.value ? { expected: observedDesired.value } : {}),
        ...(reported ? { actual: reported.value } : {}),
        ...(Number.isSafeInteger(at) && at > 0 ? { at } : {}),
      };
    });
    await this.options.twins.report(this.key(deviceName, deviceNamespace), properties);
    return {};
  }

  async reportState({ deviceName, deviceNamespace, state }: ReportDeviceStatesRequest) {
    await this.options.twins.reportState(this.key(deviceName, deviceNamespace), state);
    return {};
  }

  tell(change: Parameters<Mapper["tell"]>[0]): void {
    const protocol = protocolOf(change.device);
    for (const mapper of this.mappers.values()) if (mapper.info.protocol === protocol) mapper.tell(change);
  }

  /** Mappers of before this start are told everything: what they know may be old. */
  restore(): void {
    for (const info of this.kept()) {
      const mapper = this.put(info);
      for (const { device, model } of this.devicesOf(info.protocol))
        mapper.tell({ operation: "update", device, model });
    }
  }

  [Symbol.dispose](): void {
    for (const mapper of this.mappers.values()) mapper[Symbol.dispose]();
    this.mappers.clear();
  }

  private put(info: MapperInfo): Mapper {
    this.mappers.get(info.name)?.[Symbol.dispose]();
    const mapper = new Mapper(info, this.options);
    this.mappers.set(info.name, mapper);
    return mapper;
  }

  private devicesOf(protocol: string) {
    return this.options.twins.devices().filter(({ device }) => protocolOf(device) === protocol);
  }

  /** Mappers of KubeEdge to 1.16.1 know no namespaces: then it is that of the only device with the name. */
  private key(name: string, namespace: string): DeviceKey {
    const named = this.options.twins
      .devices()
      .map(({ device }) => ({
        namespace: device.metadata.namespace ?? "default",
        name: device.metadata.name ?? "",
      }))
      .filter((each) => each.name === name && (namespace === "" || each.namespace === namespace));
    const [found, another] = named;
    if (!found)
      throw new SampanError(
        "not_found",
        `cannot take a report: device "${printable(namespace ? `${namespace}/${name}` : name)}" is not on this node`,
      );
    if (another)
      throw invalid(
        `cannot take the report of device "${name}": there are several of this name, and the report has no namespace`,
      );
    return found;
  }

  private get file(): string {
    return join(this.options.folder, "mappers.json");
  }

  private keep(): void {
    writeFileSync(`${this.file}.new`, JSON.stringify([...this.mappers.values()].map(({ info }) => info)), {
      mode: 0o600,
    });
    renameSync(`${this.file}.new`, this.file);
  }

  private kept(): MapperInfo[] {
    try {
      const list: unknown = JSON.parse(readFileSync(this.file, "utf8"));
      return Array.isArray(list) ? list.map((each: Record<string, unknown>) => checked(each)) : [];
    } catch (error) {
      // Mappers register again when they start; what cannot be read is nothing that is lost.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT")
        this.options.log(`the registrations of mappers cannot be read: ${SampanError.from(error).message}`);
      return [];
    }
  }
}

function infoOf(mapper: MapperRegisterRequest["mapper"]): MapperInfo {
  if (!mapper) throw invalid("cannot register a mapper: the request has no mapper");
  return checked({ ...mapper, address: Buffer.from(mapper.address).toString() });
}

function checked(of: Readonly<Record<string, unknown>>): MapperInfo {
  const read = (field: string) => {
    const value = of[field];
    if (typeof value !== "string" || value.length > 253 || /\p{Cc}/u.test(value))
      throw invalid(`cannot register a mapper: its ${field} is none`);
    return value;
  };
  const [name, version, protocol] = [read("name"), read("version"), read("protocol")];
  const address = read("address").replace(/^unix:(?:\/\/)?/, "");
  if (name === "" || protocol === "")
    throw invalid("cannot register a mapper: it has no name or no protocol");
  if (!isAbsolute(address) || Buffer.byteLength(address) > longestPath)
    throw invalid(
      `cannot register mapper "${name}": its address is "${address}", wanted the absolute path of a unix socket`,
    );
  return { name, version, protocol, address };
}
