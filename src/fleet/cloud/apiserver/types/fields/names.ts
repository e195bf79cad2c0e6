/**
 * Names of things: RFC 1123 and RFC 1035 labels, label keys and values. Each rule answers with complaints in the words of the reference implementation; none is a good name.
 * https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
 */
import { isIP, isIPv4, isIPv6 } from "node:net";

export type NameRule = (value: string) => readonly string[];

interface Pattern {
  readonly most: number;
  readonly pattern: string;
  readonly text: string;
  readonly examples: readonly string[];
}

const patterns = {
  label: {
    most: 63,
    pattern: "[a-z0-9]([-a-z0-9]*[a-z0-9])?",
    text: "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
    examples: ["my-name", "123-abc"],
  },
  subdomain: {
    most: 253,
    pattern: "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*",
    text: "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    examples: ["example.com"],
  },
  label1035: {
    most: 63,
    pattern: "[a-z]([-a-z0-9]*[a-z0-9])?",
    text: "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
    examples: ["my-name", "abc-123"],
  },
  qualified: {
    most: 63,
    pattern: "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]",
    text: "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    examples: ["MyName", "my.name", "123-abc"],
  },
  labelValue: {
    most: 63,
    pattern: "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?",
    text: "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    examples: ["MyValue", "my_value", "12345"],
  },
  configKey: {
    most: 253,
    pattern: "[-._a-zA-Z0-9]+",
    text: "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    examples: ["key.name", "KEY_NAME", "key-name"],
  },
} as const satisfies Readonly<Record<string, Pattern>>;

function matching({ most, pattern, text, examples }: Pattern, prefix = ""): NameRule {
  const whole = new RegExp(`^(?:${pattern})$`);
  const shown = examples.map((example) => `'${example}'`).join(",  or ");
  const complaint = `${prefix}${text} (e.g. ${shown}, regex used for validation is '${pattern}')`;
  return (value) => [
    ...(value.length > most ? [`${prefix && "name part "}must be no more than ${most} characters`] : []),
    ...(value.length <= most && whole.test(value) ? [] : value.length > most ? [] : [complaint]),
  ];
}

export const label = matching(patterns.label);
export const subdomain = matching(patterns.subdomain);
export const label1035 = matching(patterns.label1035);
export const labelValue = matching(patterns.labelValue);
const namePart = matching(patterns.qualified);
const configKeyShape = matching(patterns.configKey);

/** Keys of config maps and secrets. */
export const configKey: NameRule = (value) => {
  if (value === ".") return ["must not be '.'"];
  if (value === "..") return ["must not be '..'"];
  return value.startsWith("..") ? ["must not start with '..'"] : configKeyShape(value);
};

/** Label keys, annotation keys, taint keys: `name` or `prefix/name`. */
export const qualified: NameRule = (value) => {
  const parts = value.split("/");
  if (parts.length > 2) {
    return [
      `a qualified name ${namePart("!")[0]?.replace("name part ", "")} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const [name = "", prefix] = parts.reverse();
  const ofPrefix =
    prefix === undefined
      ? []
      : prefix === ""
        ? ["prefix part must be non-empty"]
        : subdomain(prefix).map((text) => `prefix part ${text}`);
  return [...ofPrefix, ...(name === "" ? ["name part must be non-empty"] : []), ...namePart(name)];
};

/** Names that stand in a path and are no host names: roles, bindings. */
export const pathSegment: NameRule = (value) => {
  if (value === "." || value === "..") return [`may not be '${value}'`];
  return ["/", "%"].filter((sign) => value.includes(sign)).map((sign) => `may not contain '${sign}'`);
};

/** Names of ports: IANA service names. */
export const portName: NameRule = (value) => [
  ...(value.length > 15 ? ["must be no more than 15 characters"] : []),
  ...(/^[-a-z0-9]+$/.test(value)
    ? []
    : ["must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"]),
  ...(/[a-z]/.test(value) ? [] : ["must contain at least one letter (a-z)"]),
  ...(value.includes("--") ? ["must not contain consecutive hyphens"] : []),
  ...(value.startsWith("-") || value.endsWith("-") ? ["must not begin or end with a hyphen"] : []),
];

/** Environment variables: everything that is printable, but no `=`. */
export const variableName: NameRule = (value) =>
  /^[\x20-\x3c\x3e-\x7e]+$/.test(value)
    ? []
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];

export const portRule = "must be between 1 and 65535, inclusive";
export const isPort = (value: unknown): boolean =>
  typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 65535;

export const address: NameRule = (value) =>
  isIP(value) === 0 ? ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"] : [];

export function isBlock(value: string): boolean {
  const [base = "", bits = "", ...rest] = value.split("/");
  if (rest.length > 0 || !/^\d{1,3}$/.test(bits)) return false;
  return (isIPv4(base) && Number(bits) <= 32) || (isIPv6(base) && Number(bits) <= 128);
}
