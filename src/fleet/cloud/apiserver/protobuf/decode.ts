/**
 * Requests in Kubernetes' protobuf, as kubectl since 1.33 and Go's clients send them, to the objects that JSON would have given. Answers are JSON always.
 * The types come from the tables of types/, the numbers of their fields from numbers.ts. https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding
 */
import { KubeError } from "../../../../spec/kubernetes/kube.ts";
import type { Definitions, Schema } from "../schema/schema.ts";
import { typePackages } from "../types/definitions.ts";
import { intOrStringName, quantityName } from "../types/notation.ts";
import { numbers } from "./numbers.ts";
import { wireFields } from "./wire.ts";

type Value = Record<string, unknown>;

interface Numbered {
  readonly name: string;
  readonly keepsZero: boolean;
  readonly micro: boolean;
  /** The message whose fields stand beside the others in JSON. */
  readonly inline: boolean;
}

type Message = ReadonlyMap<number, Numbered>;

const magic = Buffer.from("k8s\0");

/** A whole request: `k8s\0` and a message that says of which kind it is. KubeError `BadRequest`, or `UnsupportedMediaType` for kinds whose numbers are not known. */
export function decodeProtobuf(bytes: Buffer, definitions: Definitions): unknown {
  if (!bytes.subarray(0, magic.length).equals(magic))
    throw new KubeError("BadRequest", "the body of the request is no protobuf: it does not begin with k8s");
  const { apiVersion, kind, raw } = envelope(bytes.subarray(magic.length));
  const name = definitionOf(apiVersion, kind);
  if (name === undefined)
    throw new KubeError(
      "UnsupportedMediaType",
      `${kind} in version ${JSON.stringify(apiVersion)} is not taken as protobuf - accepted media types include: application/json, application/yaml`,
    );
  return { apiVersion, kind, ...decodeMessage(raw, name, definitions) };
}

/** runtime.Unknown: 1 TypeMeta (1 apiVersion, 2 kind), 2 the object. */
function envelope(bytes: Buffer): { apiVersion: string; kind: string; raw: Buffer } {
  const found: { apiVersion: string; kind: string; raw: Buffer } = {
    apiVersion: "",
    kind: "",
    raw: Buffer.alloc(0),
  };
  for (const { number, value } of wireFields(bytes)) {
    if (typeof value === "bigint") continue;
    if (number === 2) found.raw = value;
    if (number !== 1) continue;
    for (const field of wireFields(value)) {
      if (field.number === 1) found.apiVersion = String(field.value);
      if (field.number === 2) found.kind = String(field.value);
    }
  }
  return found;
}

const groups: Readonly<Record<string, keyof typeof numbers>> = {
  v1: "core",
  "apps/v1": "apps",
  "batch/v1": "batch",
  "discovery.k8s.io/v1": "discovery",
  "events.k8s.io/v1": "events",
  "coordination.k8s.io/v1": "coordination",
  "node.k8s.io/v1": "node",
  "scheduling.k8s.io/v1": "scheduling",
  "storage.k8s.io/v1": "storage",
  "certificates.k8s.io/v1": "certificates",
  "rbac.authorization.k8s.io/v1": "rbac",
  "authentication.k8s.io/v1": "authentication",
  "authorization.k8s.io/v1": "authorization",
  "policy/v1": "policy",
  "autoscaling/v1": "autoscaling",
};

function definitionOf(apiVersion: string, kind: string): string | undefined {
  // Every group has these of its own; they are meta's.
  const isMeta = kind === "DeleteOptions";
  const found = isMeta ? "meta" : Object.hasOwn(groups, apiVersion) ? groups[apiVersion] : undefined;
  if (found === undefined) return undefined;
  const name = `${typePackages[found].name}.${kind}`;
  return messageOf(name) ? name : undefined;
}

const packages = new Map<string, keyof typeof numbers>(
  Object.keys(numbers).map((each) => {
    const short = each as keyof typeof numbers;
    return [typePackages[short].name, short];
  }),
);
const texts = new Map<string, ReadonlyMap<string, string>>();
const messages = new Map<string, Message>();

/** Read from its line when it is first asked for. */
function messageOf(name: string): Message | undefined {
  const known = messages.get(name);
  if (known) return known;
  const dot = name.lastIndexOf(".");
  const short = packages.get(name.slice(0, dot));
  const line = short && linesOf(short).get(name.slice(dot + 1));
  if (line === undefined) return undefined;
  const message = parseLine(line);
  messages.set(name, message);
  return message;
}

function linesOf(short: keyof typeof numbers): ReadonlyMap<string, string> {
  const known = texts.get(short);
  if (known) return known;
  const lines = new Map(
    numbers[short]
      .trim()
      .split("\n")
      .map((line) => {
        const space = line.indexOf(" ");
        return [line.slice(0, space), line.slice(space + 1)] as const;
      }),
  );
  texts.set(short, lines);
  return lines;
}

function parseLine(line: string): Message {
  const message = new Map<number, Numbered>();
  let next = 1;
  for (const word of line.split(" ")) {
    const [, at, plus, name = "", mark] = /^(?:(\d+):)?(\+?)(\w+)([?~]?)$/.exec(word) ?? [];
    const number = at === undefined ? next : Number(at);
    message.set(number, { name, keepsZero: mark === "?", micro: mark === "~", inline: plus === "+" });
    next = number + 1;
  }
  return message;
}

function decodeMessage(bytes: Buffer, name: string, definitions: Definitions): Value {
  const schema = definitions(name);
  const message = messageOf(name);
  if (!schema || !message) throw new KubeError("BadRequest", `there are no numbers of fields for ${name}`);
  return decodeFields(bytes, { message, schema, name, definitions });
}

interface Within {
  readonly message: Message;
  readonly schema: Schema;
  /** Of the message, for those that are inlined. */
  readonly name: string;
  readonly definitions: Definitions;
}

/** Fields whose numbers are not known are left out, as every reader of protobuf does. */
function decodeFields(bytes: Buffer, within: Within): Value {
  const object: Value = {};
  for (const { number, value } of wireFields(bytes)) {
    const field = within.message.get(number);
    if (field?.inline && typeof value !== "bigint") Object.assign(object, decodeInline(value, field, within));
    const schema = field && within.schema.properties?.[field.name];
    if (field && schema)
      put(object, field, decodeField(value, { ...within, schema, field, before: object[field.name] }));
  }
  return object;
}

function decodeInline(bytes: Buffer, { name }: Numbered, within: Within): Value {
  const inlined = `${within.name.slice(0, within.name.lastIndexOf(".") + 1)}${name}`;
  const message = messageOf(inlined);
  return message ? decodeFields(bytes, { ...within, message, name: inlined }) : {};
}

function put(object: Value, { name, keepsZero }: Numbered, value: unknown): void {
  const zero = value === "" || value === 0 || value === false;
  if (value !== undefined && (keepsZero || !zero)) object[name] = value;
}

interface FieldWithin {
  readonly schema: Schema;
  readonly field: Numbered;
  readonly definitions: Definitions;
  /** What the field has from earlier on the wire: lists and maps come piece by piece. */
  readonly before?: unknown;
}

function decodeField(value: bigint | Buffer, within: FieldWithin): unknown {
  const { schema, before } = within;
  if (schema.type === "array") {
    const list = Array.isArray(before) ? (before as unknown[]) : [];
    return [...list, decodeValue(value, { ...within, schema: schema.items ?? {} })];
  }
  if (typeof schema.additionalProperties === "object")
    return decodeEntry(value, within, schema.additionalProperties);
  return decodeValue(value, within);
}

/** A map's entry: 1 the key, 2 the value; a value that is a list is a message with its items at 1. */
function decodeEntry(bytes: bigint | Buffer, within: FieldWithin, schema: Schema): unknown {
  const map = (within.before ?? {}) as Value;
  if (typeof bytes === "bigint") return map;
  let key = "";
  let entry: unknown = schema.type === "string" ? "" : undefined;
  for (const { number, value } of wireFields(bytes)) {
    if (number === 1) key = String(value);
    if (number === 2)
      entry =
        schema.type === "array"
          ? decodeItems(value, within, schema)
          : decodeValue(value, { ...within, schema });
  }
  return { ...map, [key]: entry };
}

function decodeItems(bytes: bigint | Buffer, within: FieldWithin, schema: Schema): unknown[] {
  if (typeof bytes === "bigint") return [];
  return [...wireFields(bytes)].map(({ value }) =>
    decodeValue(value, { ...within, schema: schema.items ?? {} }),
  );
}

function decodeValue(value: bigint | Buffer, { schema, field, definitions }: FieldWithin): unknown {
  if (typeof value === "bigint") {
    if (schema.type === "boolean") return value !== 0n;
    return Number(BigInt.asIntN(64, value));
  }
  if (schema.$ref === quantityName) return textAt(value, 1);
  if (schema.$ref === intOrStringName || schema["x-kubernetes-int-or-string"])
    return decodeIntOrString(value);
  if (schema.$ref !== undefined) return decodeMessage(value, schema.$ref, definitions);
  if (schema.type === "string") return decodeText(value, schema.format, field.micro);
  if (schema.type === "number") return value.length === 8 ? value.readDoubleLE() : value.readFloatLE();
  // FieldsV1 and RawExtension: JSON as it is.
  return parseRaw(value);
}

function decodeText(value: Buffer, format: string | undefined, micro: boolean): string | undefined {
  if (format === "byte") return value.toString("base64");
  return format === "date-time" ? decodeTime(value, micro) : value.toString("utf8");
}

/** 1 seconds, 2 nanoseconds; none at all is no time. */
function decodeTime(bytes: Buffer, micro: boolean): string | undefined {
  const parts: [seconds: number, nanos: number] = [0, 0];
  for (const { number, value } of wireFields(bytes))
    if (typeof value === "bigint" && (number === 1 || number === 2))
      parts[number - 1] = Number(BigInt.asIntN(64, value));
  const [seconds, nanos] = parts;
  const date = new Date(seconds * 1000);
  if (bytes.length === 0 || Number.isNaN(date.getTime())) return undefined;
  const text = date.toISOString().slice(0, 19);
  return micro ? `${text}.${String(Math.trunc(nanos / 1000)).padStart(6, "0")}Z` : `${text}Z`;
}

/** 1 which: 0 the number at 2, 1 the text at 3. */
function decodeIntOrString(bytes: Buffer): number | string {
  const found = { isText: false, number: 0, text: "" };
  for (const { number, value } of wireFields(bytes)) {
    if (number === 1) found.isText = value === 1n;
    if (number === 2 && typeof value === "bigint") found.number = Number(BigInt.asIntN(64, value));
    if (number === 3) found.text = String(value);
  }
  return found.isText ? found.text : found.number;
}

function textAt(bytes: Buffer, at: number): string {
  for (const { number, value } of wireFields(bytes)) if (number === at) return String(value);
  return "";
}

function parseRaw(bytes: Buffer): unknown {
  const text = textAt(bytes, 1);
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch (error) {
    throw new KubeError("BadRequest", "the body of the request has JSON within that is none", undefined, {
      cause: error,
    });
  }
}
