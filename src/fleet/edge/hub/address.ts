/** `cloud.example.com:10000`, `[2001:db8::1]:10000`, or with the port left out. */
import { isIPv6 } from "node:net";
import { invalid } from "../../../base/errors.ts";

export interface Address {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

const pattern = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,253}))(?::(\d{1,5}))?$/;

/** @throws SampanError invalid_argument */
export function parseAddress(text: string, preset: number): Address {
  if (isIPv6(text)) return { host: text, port: preset };
  const [whole, six, host, digits] = pattern.exec(text) ?? [];
  const port = digits === undefined ? preset : Number(digits);
  if (whole === undefined || port < 1 || port > 65_535 || (six !== undefined && !isIPv6(six)))
    throw invalid(`cannot use address ${JSON.stringify(text.slice(0, 80))}: wanted <host>:<port>`);
  return { host: six ?? host ?? "", port };
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
