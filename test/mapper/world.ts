/** An edge's DMI with twins in memory, and what a mapper reports to it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SampanError } from "../../src/base/errors.ts";
import { openDmi } from "../../src/fleet/edge/dmi/open.ts";
import type { DeviceChange, DeviceKey, PropertyReport, Twins } from "../../src/fleet/edge/twin/twins.ts";
import type { KubeObject } from "../../src/spec/kubernetes/kube.ts";
import { matching, within } from "../fleet/until.ts";

export interface Said extends DeviceKey {
  readonly properties?: readonly PropertyReport[];
  readonly state?: string;
}

interface Entry {
  readonly device: KubeObject;
  readonly model: KubeObject | undefined;
}

/** Twins of which only what mappers see is there. */
export class MemoryTwins implements Twins {
  readonly entries = new Map<string, Entry>();
  readonly said: Said[] = [];
  private readonly handlers = new Set<(change: DeviceChange) => void>();
  private waiters: (() => void)[] = [];

  devices() {
    return [...this.entries.values()];
  }

  follow(handler: (change: DeviceChange) => void): Disposable {
    this.handlers.add(handler);
    return { [Symbol.dispose]: () => this.handlers.delete(handler) };
  }

  report(device: DeviceKey, properties: readonly PropertyReport[]): Promise<void> {
    if (properties.some(({ actual }) => actual === "refused"))
      throw new SampanError("invalid_argument", "the value is not int or integer");
    return this.tell({ ...device, properties });
  }

  reportState(device: DeviceKey, state: string): Promise<void> {
    return this.tell({ ...device, state });
  }

  change(operation: DeviceChange["operation"], device: KubeObject, model?: KubeObject): void {
    const name = `${device.metadata.namespace}/${device.metadata.name}`;
    if (operation === "delete") this.entries.delete(name);
    else this.entries.set(name, { device, model });
    for (const handler of this.handlers) handler({ operation, device, model });
  }

  /** The first that fits, of those to come or those that were said already. */
  async until<Found>(find: (said: Said) => Found | undefined | false): Promise<Found> {
    for (let seen = 0; ;) {
      for (; seen < this.said.length; seen++) {
        const found = find(this.said[seen] as Said);
        if (found !== undefined && found !== false) return found;
      }
      const more = new Promise<void>((resolve) => this.waiters.push(resolve));
      await within(more, () => matching(find, this.said));
    }
  }

  private tell(said: Said): Promise<void> {
    this.said.push(said);
    const waiters = this.waiters;
    this.waiters = [];
    for (const go of waiters) go();
    return Promise.resolve();
  }
}

export async function dmiWorld(twins = new MemoryTwins()) {
  const folder = mkdtempSync(join(tmpdir(), "sampan-dmi-"));
  const path = join(folder, "dmi.sock");
  const log: string[] = [];
  const end = new AbortController();
  const open = () =>
    openDmi({ path, folder: join(folder, "kept"), twins, log: (text) => log.push(text), signal: end.signal });
  let dmi = await open();
  return {
    folder,
    path,
    twins,
    log,
    signal: end.signal,
    /** The edge as it is after its end and a new start. */
    async restart() {
      await dmi[Symbol.asyncDispose]();
      dmi = await open();
    },
    async [Symbol.asyncDispose]() {
      end.abort();
      await dmi[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface PropertySpec {
  readonly name: string;
  readonly type: string;
  readonly accessMode?: "ReadWrite" | "ReadOnly";
  readonly desired?: string;
  readonly configData: Readonly<Record<string, unknown>>;
  readonly collectCycle?: number;
}

export interface DeviceSpec {
  readonly name: string;
  readonly protocol: string;
  readonly configData: Readonly<Record<string, unknown>>;
  readonly properties: readonly PropertySpec[];
}

const apiVersion = "devices.kubeedge.io/v1beta1";

export function deviceOf({ name, protocol, configData, properties }: DeviceSpec): KubeObject {
  return {
    apiVersion,
    kind: "Device",
    metadata: { name, namespace: "default", uid: `uid-${name}` },
    spec: {
      deviceModelRef: { name: `${protocol}-model` },
      nodeName: "edge1",
      protocol: { protocolName: protocol, configData },
      properties: properties.map((each) => ({
        name: each.name,
        ...(each.desired === undefined ? {} : { desired: { value: each.desired } }),
        collectCycle: each.collectCycle ?? 20,
        visitors: { protocolName: protocol, configData: each.configData },
      })),
    },
  };
}

export function modelOf({ protocol, properties }: DeviceSpec): KubeObject {
  return {
    apiVersion,
    kind: "DeviceModel",
    metadata: { name: `${protocol}-model`, namespace: "default", uid: `uid-model-${protocol}` },
    spec: {
      protocol,
      properties: properties.map(({ name, type, accessMode = "ReadWrite" }) => ({ name, type, accessMode })),
    },
  };
}
