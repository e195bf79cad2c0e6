/** What plug-ins answer: results are read strictly where we use them and passed on as they are where only plug-ins do; errors become words. */
import { isIP, isIPv4 } from "node:net";
import { printable } from "../../../base/printable.ts";
import { SampanError, type Code } from "../../../base/errors.ts";
import type { CniAttachment, CniDns } from "./cni.ts";
import { record, shown } from "./_configuration.ts";
import type { PluginAnswer } from "./_plugin.ts";
import { atLeast, isVersion, type CniVersion } from "./_versions.ts";

/** As the next plug-in gets it: with fields that we do not know, in the shape of the version that is spoken. */
export type CniResult = Readonly<Record<string, unknown>>;

const mostAddresses = 64;
const mostInterfaces = 256;
const mostSaid = 600;

/** The answer to ADD. Errors: `failed_precondition` for what is no result of the specification. */
export function readResult(text: string, version: CniVersion): CniResult {
  const result = record(parsed(text));
  if (!result) throw noResult(text.trim() === "" ? "it is empty" : "it is no JSON object");
  const { cniVersion = version, interfaces = [], ips = [] } = result;
  if (!isVersion(cniVersion))
    throw noResult(`its cniVersion is ${shown(cniVersion)}, wanted ${JSON.stringify(version)}`);
  const devices = listOf(interfaces, "interfaces", mostInterfaces);
  const addresses = listOf(ips, "ips", mostAddresses).map((each) => addressOf(each, devices.length, version));
  return { ...result, cniVersion: version, ...("ips" in result && { ips: addresses }) };
}

function parsed(text: string): unknown {
  try {
    return isShallow(text) ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

/** What is nested very deeply can be read by JSON.parse, and not be written again. */
const deepest = 100;

function isShallow(text: string): boolean {
  let depth = 0;
  for (let at = 0, quoted = false; at < text.length; at++) {
    const character = text[at];
    if (quoted && character === "\\") at++;
    else if (character === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (character === "[" || character === "{") depth++;
    else if (character === "]" || character === "}") depth--;
    if (depth > deepest) return false;
  }
  return true;
}

const noResult = (why: string) =>
  new SampanError("failed_precondition", `its answer is not what the specification says: ${why}`);

function listOf(value: unknown, name: string, most: number): readonly Readonly<Record<string, unknown>>[] {
  const list = value ?? [];
  if (!Array.isArray(list) || list.length > most) throw noResult(`${name} is no list of up to ${most}`);
  return list.map((each) => {
    const item = record(each);
    if (!item) throw noResult(`${name} holds ${shown(each)}`);
    return item;
  });
}

/** Before 1.0.0 an address had its family beside it. */
function addressOf(given: Readonly<Record<string, unknown>>, devices: number, spoken: CniVersion) {
  const { version: _, ...rest } = given;
  const { address, gateway, interface: device } = rest;
  const [, ip = "", length = ""] = /^([0-9a-fA-F.:]{2,45})\/(\d{1,3})$/.exec(String(address)) ?? [];
  const family = isIP(ip);
  if (typeof address !== "string" || family === 0 || Number(length) > (family === 4 ? 32 : 128))
    throw noResult(`${shown(address)} is no address with its prefix length`);
  if (gateway !== undefined && gateway !== null && gateway !== "" && isIP(textOf(gateway)) === 0)
    throw noResult(`${shown(gateway)} is no address of a gateway`);
  if (
    device !== undefined &&
    device !== null &&
    !(Number.isInteger(device) && Number(device) >= 0 && Number(device) < devices)
  )
    throw noResult(`there is no interface ${shown(device)}`);
  return atLeast(spoken, "1.0.0") ? rest : { version: isIPv4(ip) ? "4" : "6", ...rest };
}

/** The parts of a result that are ours to use. */
export function attachmentOf(
  result: CniResult,
  { network, device, mapsPorts }: Pick<CniAttachment, "network" | "device" | "mapsPorts">,
): CniAttachment {
  const interfaces = (result["interfaces"] ?? []) as readonly Readonly<Record<string, unknown>>[];
  const ips = (result["ips"] ?? []) as readonly Readonly<Record<string, unknown>>[];
  const isInside = (index: unknown) => typeof index !== "number" || Boolean(interfaces[index]?.["sandbox"]);
  const own = interfaces.find(({ name, sandbox }) => name === device && Boolean(sandbox));
  const mac = textOf(own?.["mac"]);
  return {
    network,
    device,
    mapsPorts,
    mac: /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(mac) ? mac.toLowerCase() : "",
    addresses: ips
      .filter((each) => isInside(each["interface"]))
      .map(({ address, gateway }) => ({
        address: textOf(address),
        ...(typeof gateway === "string" && gateway !== "" && { gateway }),
      })),
    dns: dnsOf(record(result["dns"]) ?? {}),
  };
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** Lines of resolv.conf become of it. */
function dnsOf({ nameservers, domain, search, options }: Readonly<Record<string, unknown>>): CniDns {
  const texts = (value: unknown, fits: (text: string) => boolean) =>
    (Array.isArray(value) ? value : []).filter((each) => typeof each === "string" && fits(each)) as string[];
  const isDomain = (text: string) => /^[A-Za-z0-9_.-]{1,254}$/.test(text);
  const searches = texts(search, isDomain);
  return {
    servers: texts(nameservers, (text) => isIP(text) !== 0),
    searches: searches.length > 0 ? searches : texts([domain], isDomain),
    options: texts(options, (text) => /^[A-Za-z0-9-]+(?::[0-9]+)?$/.test(text)),
  };
}

/** Of the specification; those that are not here are the plug-in's own. */
const codes: Readonly<Record<number, Code>> = {
  1: "failed_precondition",
  2: "failed_precondition",
  3: "failed_precondition",
  4: "failed_precondition",
  5: "unavailable",
  6: "failed_precondition",
  7: "failed_precondition",
  11: "unavailable",
  50: "unavailable",
  51: "unavailable",
};

export const unknownContainer = 3;

export class PluginError extends SampanError {
  /** The plug-in's own number; undefined when it did not say one. */
  readonly number: number | undefined;
  constructor(code: Code, message: string, number?: number) {
    super(code, message);
    this.number = number;
  }
}

/** What a plug-in said that ended with another status than 0. */
export function errorOf({ status, output, said }: PluginAnswer): PluginError {
  const { code, msg, details } = record(parsed(output)) ?? {};
  const words = [msg, details].filter((each) => typeof each === "string" && each.trim() !== "").join(": ");
  const number = Number.isInteger(code) ? (code as number) : undefined;
  const text = words || said.trim() || output.trim() || `it ended with status ${status} and said nothing`;
  const line = printable(text.slice(0, 2 * mostSaid)).replaceAll(/\s+/g, " ");
  const short = line.length > mostSaid ? `${line.slice(0, mostSaid)}…` : line;
  return new PluginError(
    codes[number ?? -1] ?? "unknown",
    number === undefined ? short : `${short} (code ${number})`,
    number,
  );
}

/** How a plug-in refuses a command that its version of the specification does not have. */
export function isUnknownCommand(error: unknown): boolean {
  return error instanceof PluginError && (error.number === 1 || error.number === 4);
}
