/** One registered mapper: what it was told, and what it still has to be told. Of a device only the newest state waits; a mapper that is away is tried again until it is there. */
import { type Client, createClient } from "@connectrpc/connect";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import { DeviceMapperService } from "../../../wire/dmi/dmi_pb.ts";
import { type GrpcConnection, openGrpcClient } from "../../../wire/grpc/client.ts";
import { SampanError } from "../../../base/errors.ts";
import { pause } from "../../../base/pause.ts";
import type { DeviceChange } from "../twin/twins.ts";
import { deviceMessage, modelMessage } from "./messages.ts";

export interface MapperInfo {
  readonly name: string;
  readonly version: string;
  readonly protocol: string;
  /** The path of the unix socket on which it serves. */
  readonly address: string;
}

export interface MapperOptions {
  readonly log: (text: string) => void;
  readonly signal: AbortSignal;
}

/** KubeEdge's. */
const callDeadline = 10_000;
const firstPause = 100;
const longestPause = 10_000;

function nameOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? "default"}/${metadata.name ?? ""}`;
}

export class Mapper implements Disposable {
  readonly info: MapperInfo;
  private readonly options: MapperOptions;
  private readonly connection: GrpcConnection;
  private readonly client: Client<typeof DeviceMapperService>;
  private readonly ended = new AbortController();
  private readonly signal: AbortSignal;
  /** By device; the newest only. */
  private readonly waiting = new Map<string, DeviceChange>();
  /** Devices and models that it has been told of in this registration. */
  private readonly known = new Set<string>();
  private readonly models = new Map<string, string>();
  private isRunning = false;

  constructor(info: MapperInfo, options: MapperOptions) {
    this.info = info;
    this.options = options;
    this.signal = AbortSignal.any([options.signal, this.ended.signal]);
    this.connection = openGrpcClient(info.address);
    this.client = createClient(DeviceMapperService, this.connection.transport);
  }

  /** Of a registration that brought all devices along. */
  knows(devices: readonly { readonly device: KubeObject; readonly model: KubeObject | undefined }[]): void {
    for (const { device, model } of devices) {
      this.known.add(nameOf(device));
      if (model) this.models.set(nameOf(model), JSON.stringify(model["spec"]));
    }
  }

  tell(change: DeviceChange): void {
    this.waiting.set(nameOf(change.device), change);
    if (!this.isRunning) void this.run();
  }

  [Symbol.dispose](): void {
    this.ended.abort();
    this.connection[Symbol.dispose]();
  }

  private async run(): Promise<void> {
    this.isRunning = true;
    let failures = 0;
    for (let next = this.first(); next && !this.signal.aborted; next = this.first()) {
      const [name, change] = next;
      try {
        await this.say(name, change);
        failures = 0;
        if (this.waiting.get(name) === change) this.waiting.delete(name);
      } catch (error) {
        if (this.signal.aborted) break;
        if (failures++ === 0)
          this.options.log(
            `mapper "${this.info.name}" did not take device "${name}", it is tried again: ${SampanError.from(error).message}`,
          );
        // Others may be what it takes: the one that failed goes to the end.
        if (this.waiting.get(name) === change) {
          this.waiting.delete(name);
          this.waiting.set(name, change);
        }
        await pause(Math.min(firstPause * 2 ** (failures - 1), longestPause), this.signal);
      }
    }
    this.isRunning = false;
  }

  private first(): [string, DeviceChange] | undefined {
    for (const entry of this.waiting) return entry;
    return undefined;
  }

  private async say(name: string, { operation, device, model }: DeviceChange): Promise<void> {
    const call = { signal: this.signal, timeoutMs: callDeadline };
    if (operation === "delete") {
      const { name: deviceName = "", namespace: deviceNamespace = "" } = device.metadata;
      if (this.known.has(name)) await this.client.removeDevice({ deviceName, deviceNamespace }, call);
      this.known.delete(name);
      return;
    }
    let message: ReturnType<typeof deviceMessage>;
    try {
      message = deviceMessage(device);
      if (model) await this.sayModel(model);
    } catch (error) {
      if (!(error instanceof SampanError)) throw error;
      // No later attempt would make a message of it.
      this.options.log(
        `device "${name}" is not told to mapper "${this.info.name}": ${SampanError.from(error).message}`,
      );
      return;
    }
    if (this.known.has(name)) await this.client.updateDevice({ device: message }, call);
    else await this.client.registerDevice({ device: message }, call);
    this.known.add(name);
  }

  private async sayModel(model: KubeObject): Promise<void> {
    const [name, spec] = [nameOf(model), JSON.stringify(model["spec"])];
    const before = this.models.get(name);
    if (before === spec) return;
    const call = { signal: this.signal, timeoutMs: callDeadline };
    const message = { model: modelMessage(model) };
    if (before === undefined) await this.client.createDeviceModel(message, call);
    else await this.client.updateDeviceModel(message, call);
    this.models.set(name, spec);
  }
}
