/** A mapper as a process: it registers with the edge, serves DMI's calls on a socket of its own, and has one worker a device. */
import { createClient, type ConnectRouter } from "@connectrpc/connect";
import { SampanError } from "../base/errors.ts";
import { pause } from "../base/pause.ts";
import {
  DeviceManagerService,
  DeviceMapperService,
  type Device,
  type DeviceModel,
} from "../wire/dmi/dmi_pb.ts";
import { openGrpcClient } from "../wire/grpc/client.ts";
import { openGrpcServer } from "../wire/grpc/server.ts";
import { DeviceWorker, type Report } from "./device.ts";
import type { Driver } from "./driver.ts";

export interface MapperOptions {
  /** The edge's socket. */
  readonly dmi: string;
  /** Where the edge reaches this mapper. */
  readonly socket: string;
  /** The driver's protocol, when not given. */
  readonly name?: string;
  readonly log: (text: string) => void;
  readonly signal: AbortSignal;
}

const callDeadline = 10_000;
const longestPause = 10_000;
/** After this time the edge may be another one: it is asked whether it knows this mapper. */
const registerAgain = 60_000;

/** Runs until the signal aborts. Errors: those of listening on `socket`. */
export async function runMapper<Config, Visitor>(
  driver: Driver<Config, Visitor>,
  options: MapperOptions,
): Promise<void> {
  const mapper = new RunningMapper(driver, options);
  await using server = await openGrpcServer({
    path: options.socket,
    log: options.log,
    routes: (router) => mapper.serve(router),
  });
  options.log(`mapper "${mapper.name}" serves on "${server.path}"`);
  try {
    await mapper.stayRegistered();
  } finally {
    await mapper[Symbol.asyncDispose]();
  }
}

class RunningMapper<Config, Visitor> implements AsyncDisposable {
  readonly name: string;
  private readonly driver: Driver<Config, Visitor>;
  private readonly options: MapperOptions;
  private readonly connection;
  private readonly manager;
  private readonly workers = new Map<string, DeviceWorker<Config, Visitor>>();
  private readonly devices = new Map<string, Device>();
  private readonly models = new Map<string, DeviceModel>();

  constructor(driver: Driver<Config, Visitor>, options: MapperOptions) {
    this.driver = driver;
    this.options = options;
    this.name = options.name ?? driver.protocol;
    this.connection = openGrpcClient(options.dmi);
    this.manager = createClient(DeviceManagerService, this.connection.transport);
  }

  serve(router: ConnectRouter): void {
    router.service(DeviceMapperService, {
      registerDevice: async ({ device }) => {
        if (device) await this.put(device);
        return { deviceName: device?.name ?? "", deviceNamespace: device?.namespace ?? "" };
      },
      updateDevice: async ({ device }) => {
        if (device) await this.put(device);
        return {};
      },
      removeDevice: async ({ deviceName, deviceNamespace }) => {
        await this.drop(key(deviceNamespace, deviceName));
        return {};
      },
      createDeviceModel: ({ model }) => {
        if (model) this.learn(model);
        return { deviceModelName: model?.name ?? "", deviceModelNamespace: model?.namespace ?? "" };
      },
      updateDeviceModel: ({ model }) => {
        if (model) this.learn(model);
        return {};
      },
      removeDeviceModel: ({ modelName, modelNamespace }) => {
        this.models.delete(key(modelNamespace, modelName));
        return {};
      },
      getDevice: ({ deviceName, deviceNamespace }) => {
        const device = this.devices.get(key(deviceNamespace, deviceName));
        return device ? { device } : {};
      },
    });
  }

  /** The edge may start after the mapper, and start again. */
  async stayRegistered(): Promise<void> {
    const { signal, log } = this.options;
    for (let failures = 0; !signal.aborted;) {
      try {
        await this.register();
        failures = 0;
        await pause(registerAgain, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (failures++ === 0)
          log(
            `the edge at "${this.options.dmi}" does not answer, it is tried again: ${SampanError.from(error).message}`,
          );
        await pause(Math.min(250 * 2 ** failures, longestPause), signal);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.workers.values()].map((worker) => worker[Symbol.asyncDispose]()));
    this.connection[Symbol.dispose]();
  }

  private async register(): Promise<void> {
    const { protocol, version } = this.driver;
    const address = Buffer.from(this.options.socket);
    const mapper = { name: this.name, version, apiVersion: "v1beta1", protocol, address, state: "OK" };
    const { deviceList, modelList } = await this.manager.mapperRegister(
      { withData: true, mapper },
      this.limits(this.options.signal),
    );
    for (const model of modelList) this.learn(model);
    const wanted = new Set(deviceList.map(({ namespace, name }) => key(namespace, name)));
    for (const name of this.workers.keys()) if (!wanted.has(name)) await this.drop(name);
    for (const device of deviceList) await this.put(device);
  }

  private limits(signal: AbortSignal) {
    return { signal, timeoutMs: callDeadline };
  }

  private modelOf(device: Device): DeviceModel | undefined {
    return this.models.get(key(device.namespace, device.spec?.deviceModelReference ?? ""));
  }

  private learn(model: DeviceModel): void {
    this.models.set(key(model.namespace, model.name), model);
    for (const [name, device] of this.devices)
      if (this.modelOf(device) === model) this.workers.get(name)?.update(device, model);
  }

  private async put(device: Device): Promise<void> {
    const name = key(device.namespace, device.name);
    this.devices.set(name, device);
    const worker = this.workers.get(name);
    if (worker) return worker.update(device, this.modelOf(device));
    const place = { deviceName: device.name, deviceNamespace: device.namespace };
    this.workers.set(
      name,
      new DeviceWorker(device, this.modelOf(device), {
        driver: this.driver,
        log: this.options.log,
        report: async (reports, signal) => {
          await this.manager.reportDeviceStatus(
            { ...place, reportedDevice: { twins: reports.map(twinOf) } },
            this.limits(signal),
          );
        },
        reportState: async (state, signal) => {
          await this.manager.reportDeviceStates({ ...place, state }, this.limits(signal));
        },
      }),
    );
  }

  private async drop(name: string): Promise<void> {
    const worker = this.workers.get(name);
    this.workers.delete(name);
    this.devices.delete(name);
    await worker?.[Symbol.asyncDispose]();
  }
}

function key(namespace: string, name: string): string {
  return `${namespace || "default"}/${name}`;
}

function twinOf({ property, desired, reported, type, at }: Report) {
  const metadata = { type: type.toLowerCase() || "string", timestamp: String(at) };
  return {
    propertyName: property,
    observedDesired: { value: desired, metadata },
    reported: { value: reported, metadata },
  };
}
