/** One device under a mapper: connected as long as it can be, read in cycles, written when something else is wanted. */
import { SampanError } from "../base/errors.ts";
import { pause } from "../base/pause.ts";
import { decodeConfigData } from "../wire/dmi/config-data.ts";
import type { Device, DeviceModel } from "../wire/dmi/dmi_pb.ts";
import type { Connection, Driver, Property, Value } from "./driver.ts";

/** What the edge is told of one property; both are there, since edges of KubeEdge 1.15 end when one is not. */
export interface Report {
  readonly property: string;
  readonly desired: string;
  readonly reported: string;
  readonly type: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export interface DeviceOptions<Config, Visitor> {
  readonly driver: Driver<Config, Visitor>;
  readonly report: (reports: readonly Report[], signal: AbortSignal) => Promise<void>;
  readonly reportState: (state: "online" | "offline", signal: AbortSignal) => Promise<void>;
  readonly log: (text: string) => void;
}

interface Point<Visitor> extends Property {
  readonly visitor: Visitor;
  /** Milliseconds. */
  readonly cycle: number;
  readonly reportCycle: number;
}

interface Kept {
  value?: string;
  reportedAt: number;
  readAt: number;
  /** What was written last, and worked. */
  written?: string;
}

const defaultCycle = 1000;
const leastCycle = 10;
const deadline = 10_000;
const firstPause = 200;
const longestPause = 15_000;

export class DeviceWorker<Config, Visitor> implements AsyncDisposable {
  private readonly options: DeviceOptions<Config, Visitor>;
  private readonly ended = new AbortController();
  private readonly kept = new Map<string, Kept>();
  private device: Device;
  private model: DeviceModel | undefined;
  private wake = new AbortController();
  private readonly running: Promise<void>;
  private state: "online" | "offline" | undefined;

  constructor(device: Device, model: DeviceModel | undefined, options: DeviceOptions<Config, Visitor>) {
    this.options = options;
    this.device = device;
    this.model = model;
    this.running = this.run();
  }

  /** With new settings it is connected anew; a new wish alone is written over the connection that there is. */
  update(device: Device, model: DeviceModel | undefined): void {
    this.device = device;
    this.model = model;
    this.wake.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.ended.abort();
    this.wake.abort();
    await this.running;
  }

  private get name(): string {
    return `${this.device.namespace || "default"}/${this.device.name}`;
  }

  private async run(): Promise<void> {
    const { signal } = this.ended;
    for (let failures = 0; !signal.aborted;) {
      const asked = this.settings();
      try {
        await this.connected(asked);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        if (this.state === "online") failures = 0;
        if (failures++ === 0) this.options.log(`device ${this.name}: ${SampanError.from(error).message}`);
        await this.tellState("offline");
        await this.sleep(Math.min(firstPause * 2 ** (failures - 1), longestPause));
      }
    }
  }

  /** All but what is wanted: a change of it needs another connection. */
  private settings(): string {
    const { spec } = this.device;
    const properties = spec?.properties.map((each) => ({ ...each, desired: undefined }));
    return JSON.stringify(
      { protocol: spec?.protocol, properties, model: this.model?.spec },
      (_, value: unknown) =>
        typeof value === "bigint"
          ? String(value)
          : value instanceof Uint8Array
            ? Buffer.from(value).toString("hex")
            : value,
    );
  }

  private async connected(asked: string): Promise<void> {
    const { driver } = this.options;
    const points = this.points();
    const config = driver.config(decodeConfigData(this.device.spec?.protocol?.configData));
    await using connection = await driver.open(config, this.limited());
    const followed = await this.follow(connection, points);
    // A device that was away may have forgotten.
    for (const kept of this.kept.values()) delete kept.written;
    await this.tellState("online");
    while (!this.ended.signal.aborted && this.settings() === asked) {
      await this.write(connection, points);
      if (!followed) await this.read(connection, points);
      await this.sleep(followed ? longestPause : this.untilNext(points));
    }
  }

  private points(): readonly Point<Visitor>[] {
    const ofModel = new Map(this.model?.spec?.properties.map((each) => [each.name, each]));
    return (this.device.spec?.properties ?? []).map(({ name, visitors, collectCycle, reportCycle }) => {
      const { type = "", accessMode = "ReadWrite" } = ofModel.get(name) ?? {};
      const property: Property = { name, type: type.toUpperCase(), isWritable: accessMode !== "ReadOnly" };
      return {
        ...property,
        visitor: this.options.driver.visitor(decodeConfigData(visitors?.configData), property),
        cycle: Math.max(Number(collectCycle) || defaultCycle, leastCycle),
        reportCycle: Number(reportCycle),
      };
    });
  }

  private async follow(connection: Connection<Visitor>, points: readonly Point<Visitor>[]): Promise<boolean> {
    if (!connection.follow) return false;
    const byName = new Map(points.map((point) => [point.name, point]));
    await connection.follow(new Map(points.map(({ name, visitor }) => [name, visitor])), (name, value) => {
      const point = byName.get(name);
      if (point) void this.tell([this.reportOf(point, value)]);
    });
    return true;
  }

  private desired(name: string): string | undefined {
    return this.device.spec?.properties.find((each) => each.name === name)?.desired?.value || undefined;
  }

  private async write(connection: Connection<Visitor>, points: readonly Point<Visitor>[]): Promise<void> {
    for (const point of points) {
      const wanted = point.isWritable ? this.desired(point.name) : undefined;
      const kept = this.of(point.name);
      if (wanted === undefined || wanted === kept.written) continue;
      const value = typed(wanted, point.type);
      if (value === undefined) {
        this.options.log(
          `device ${this.name}: property "${point.name}" cannot be ${JSON.stringify(wanted.slice(0, 80))}: it is of type ${point.type}`,
        );
        kept.written = wanted;
        continue;
      }
      await connection.write(point.visitor, value, this.limited());
      kept.written = wanted;
      if (connection.follow) continue;
      const found = await connection.read(point.visitor, this.limited());
      kept.readAt = performance.now();
      await this.tell([this.reportOf(point, found)]);
    }
  }

  private async read(connection: Connection<Visitor>, points: readonly Point<Visitor>[]): Promise<void> {
    const reports: Report[] = [];
    for (const point of points) {
      const kept = this.of(point.name);
      const now = performance.now();
      if (now - kept.readAt < point.cycle) continue;
      const value = await connection.read(point.visitor, this.limited());
      kept.readAt = now;
      const report = this.reportOf(point, value);
      const isDue = point.reportCycle > 0 && now - kept.reportedAt >= point.reportCycle;
      if (report.reported !== kept.value || isDue) reports.push(report);
    }
    await this.tell(reports);
  }

  private reportOf({ name, type }: Property, value: Value): Report {
    return {
      property: name,
      desired: this.desired(name) ?? "",
      reported: shown(value, type),
      type,
      at: Date.now(),
    };
  }

  private async tell(reports: readonly Report[]): Promise<void> {
    if (reports.length === 0) return;
    try {
      await this.options.report(reports, this.limited());
      for (const { property, reported } of reports)
        Object.assign(this.of(property), { value: reported, reportedAt: performance.now() });
    } catch (error) {
      // The next cycle reports it again: what was not taken is not remembered.
      if (!this.ended.signal.aborted)
        this.options.log(`device ${this.name}: its report was not taken: ${SampanError.from(error).message}`);
    }
  }

  private async tellState(state: "online" | "offline"): Promise<void> {
    if (state === this.state) return;
    this.state = state;
    try {
      await this.options.reportState(state, this.limited());
    } catch {
      // Edges before 1.18 have no such call.
    }
  }

  private of(name: string): Kept {
    const found = this.kept.get(name) ?? { reportedAt: -Infinity, readAt: -Infinity };
    this.kept.set(name, found);
    return found;
  }

  private untilNext(points: readonly Point<Visitor>[]): number {
    const now = performance.now();
    const next = Math.min(
      ...points.map(({ name, cycle }) => this.of(name).readAt + cycle - now),
      longestPause,
    );
    return Math.max(next, 1);
  }

  private limited(): AbortSignal {
    return AbortSignal.any([this.ended.signal, AbortSignal.timeout(deadline)]);
  }

  /** Until the time is over, or something was changed. */
  private async sleep(milliseconds: number): Promise<void> {
    await pause(milliseconds, AbortSignal.any([this.ended.signal, this.wake.signal]));
    if (this.wake.signal.aborted && !this.ended.signal.aborted) this.wake = new AbortController();
  }
}

/** What is wanted, as the type has it; undefined when it is none. */
function typed(text: string, type: string): Value | undefined {
  if (type === "BOOLEAN") return text === "true" ? true : text === "false" ? false : undefined;
  if (!["INT", "FLOAT", "DOUBLE"].includes(type)) return text;
  const number = text.trim() === "" ? NaN : Number(text);
  if (!Number.isFinite(number)) return undefined;
  return type === "INT" && !Number.isSafeInteger(number) ? undefined : number;
}

function shown(value: Value, type: string): string {
  if (typeof value !== "number") return String(value);
  return type === "INT" ? String(Math.round(value)) : String(value);
}
