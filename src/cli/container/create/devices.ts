/** `--device`, `--gpus`, and limits that are said for a device. */
import { invalid } from "../../../base/errors.ts";
import type { DeviceMapping, DeviceRequest, ThrottleDevice } from "../../../spec/docker/create.ts";
import { parseBytes } from "../../text/size.ts";
import { csvPairs } from "./key-values.ts";

/** `vendor.example/class=name`. */
const cdi = /^[A-Za-z][\w.-]*[A-Za-z0-9]\/[A-Za-z][\w-]*=[A-Za-z0-9][\w.:-]*$/;

export interface Devices {
  readonly mappings: readonly DeviceMapping[];
  readonly requests: readonly DeviceRequest[];
}

export function parseDevices(entries: readonly string[]): Devices {
  const named = entries.filter((entry) => cdi.test(entry));
  return {
    mappings: entries.filter((entry) => !cdi.test(entry)).map(parseMapping),
    requests: named.length > 0 ? [{ Driver: "cdi", DeviceIDs: named }] : [],
  };
}

function parseMapping(entry: string): DeviceMapping {
  const [host = "", second, third, ...more] = entry.split(":");
  const isMode = (text: string | undefined) => text !== undefined && /^[rwm]{1,3}$/.test(text);
  if (host === "" || more.length > 0 || (third !== undefined && !isMode(third)))
    throw invalid(`cannot give device "${entry}": wanted PATH[:PATH[:rwm]]`);
  const inside = second === undefined || isMode(second) ? host : second;
  return {
    PathOnHost: host,
    PathInContainer: inside,
    CgroupPermissions: third ?? (isMode(second) ? (second ?? "rwm") : "rwm"),
  };
}

/** `all`, `2`, `device=0`, `"device=0,1",capabilities=utility`. */
export function parseGpus(text: string): DeviceRequest {
  const request: { -readonly [K in keyof DeviceRequest]: DeviceRequest[K] } = {};
  const capabilities: string[] = [];
  const count = (value: string) => {
    if (value !== "all" && !/^-?\d+$/.test(value))
      throw invalid(`cannot give GPUs "${text}": wanted all, a number or device=…`);
    request.Count = value === "all" ? -1 : Number(value);
  };
  for (const { key, value } of csvPairs(text)) {
    if (value === undefined) count(key);
    else if (key === "count") count(value);
    else if (key === "driver") request.Driver = value;
    else if (key === "device") request.DeviceIDs = value.split(",");
    else if (key === "capabilities") capabilities.push(...value.split(",").filter((each) => each !== "gpu"));
    else if (key === "options")
      request.Options = Object.fromEntries(
        csvPairs(value).map((option) => [option.key, option.value ?? ""] as const),
      );
    else throw invalid(`cannot give GPUs "${text}": there is no key "${key}"`);
  }
  if (request.Count === undefined && !request.DeviceIDs) request.Count = 1;
  return { ...request, Capabilities: [[...capabilities, "gpu"]] };
}

function cut(entry: string, wanted: string): [path: string, value: string] {
  const at = entry.lastIndexOf(":");
  if (at < 1 || !entry.startsWith("/dev/")) throw invalid(`cannot limit device "${entry}": wanted ${wanted}`);
  return [entry.slice(0, at), entry.slice(at + 1)];
}

export function parseRate(entry: string): ThrottleDevice {
  const [Path, value] = cut(entry, "/dev/PATH:SIZE");
  const Rate = parseBytes(value);
  if (Rate === undefined) throw invalid(`cannot limit device "${entry}": "${value}" is no size`);
  return { Path, Rate };
}

export function parseOperations(entry: string): ThrottleDevice {
  const [Path, value] = cut(entry, "/dev/PATH:NUMBER");
  if (!/^\d+$/.test(value)) throw invalid(`cannot limit device "${entry}": "${value}" is no number`);
  return { Path, Rate: Number(value) };
}

export function parseWeight(entry: string): { Path: string; Weight: number } {
  const [Path, value] = cut(entry, "/dev/PATH:WEIGHT");
  const Weight = Number(value);
  if (!/^\d+$/.test(value) || (Weight > 0 && (Weight < 10 || Weight > 1000)))
    throw invalid(`cannot limit device "${entry}": wanted a weight from 10 to 1000`);
  return { Path, Weight };
}
