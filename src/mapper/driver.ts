/**
 * The contract of a mapper: how one protocol is spoken. All else, registration with the edge, cycles, reports, what is wanted, is the same for all of them and done by run.ts. docs/mappers.md shows a
 * whole mapper.
 */
import type { ConfigData } from "../wire/dmi/config-data.ts";

export type Value = string | number | boolean;

/** A property as its model and the device have it. */
export interface Property {
  readonly name: string;
  /** `INT`, `FLOAT`, `DOUBLE`, `STRING`, `BOOLEAN`, `BYTES`; "" when the model does not say. */
  readonly type: string;
  readonly isWritable: boolean;
}

export interface Driver<Config, Visitor> {
  /** `modbus`: of devices' spec.protocol.protocolName. */
  readonly protocol: string;
  readonly version: string;
  /** A device's spec.protocol.configData, checked. Errors: `invalid_argument` that names the field. */
  config(data: ConfigData): Config;
  /** A property's visitors.configData, checked. Errors: as above. */
  visitor(data: ConfigData, property: Property): Visitor;
  /** Connects to one device. Errors: `unavailable`; it is tried again. */
  open(config: Config, signal: AbortSignal): Promise<Connection<Visitor>>;
}

/** Never asked for two things at a time. When it throws `unavailable`, it is disposed of and opened anew. */
export interface Connection<Visitor> extends AsyncDisposable {
  read(visitor: Visitor, signal: AbortSignal): Promise<Value>;
  write(visitor: Visitor, value: Value, signal: AbortSignal): Promise<void>;
  /** For devices that tell by themselves: `told` is called with each value. Such properties are not read in cycles. */
  follow?(
    visitors: ReadonlyMap<string, Visitor>,
    told: (property: string, value: Value) => void,
  ): Promise<void>;
}
