/**
 * An OpenAPI v2 document in the protobuf form that kubectl asks for; kubectl 1.20 takes no other. Messages: https://github.com/google/gnostic/blob/main/openapiv2/OpenAPIv2.proto
 * The tables hold what clients of Kubernetes read: definitions, paths with their parameters, extensions. Wire: https://protobuf.dev/programming-guides/encoding/
 */

/** Bytes of one field with its tag; nothing for a value that is not there or of the wrong type. */
type Field = (value: unknown) => readonly Uint8Array[];
interface Message {
  readonly fields: Readonly<Record<string, Field>>;
  /** The number of the list that takes `x-…`. */
  readonly extensions?: number;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(Math.trunc(value)));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

function framed(number: number, bytes: Uint8Array): Uint8Array[] {
  return [varint(number * 8 + 2), varint(bytes.length), bytes];
}

const text =
  (number: number): Field =>
  (value) =>
    typeof value === "string" ? framed(number, Buffer.from(value)) : [];

const texts =
  (number: number): Field =>
  (value) =>
    Array.isArray(value) ? value.flatMap(text(number)) : [];

const bool =
  (number: number): Field =>
  (value) =>
    value === true ? [varint(number * 8), varint(1)] : [];

const int =
  (number: number): Field =>
  (value) =>
    typeof value === "number" ? [varint(number * 8), varint(value)] : [];

const double =
  (number: number): Field =>
  (value) => {
    if (typeof value !== "number") return [];
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    return [varint(number * 8 + 1), bytes];
  };

const message =
  (number: number, of: () => Message): Field =>
  (value) =>
    isRecord(value) ? framed(number, encode(of(), value)) : [];

const list =
  (field: Field): Field =>
  (value) =>
    Array.isArray(value) ? value.flatMap(field) : [];

/** An object as a list of `{ 1: name, 2: value }`. */
const map =
  (number: number, value: Field): Field =>
  (object) =>
    isRecord(object)
      ? Object.entries(object).flatMap(([name, each]) =>
          framed(number, Buffer.concat([...text(1)(name), ...value(each)])),
        )
      : [];

/** Wraps a field in a message of its own. */
const within =
  (number: number, field: Field): Field =>
  (value) => {
    const inner = field(value);
    return inner.length === 0 ? [] : framed(number, Buffer.concat([...inner]));
  };

/** Any: YAML as text, of which JSON is a part. */
const any =
  (number: number): Field =>
  (value) =>
    value === undefined ? [] : framed(number, Buffer.concat(framed(2, Buffer.from(JSON.stringify(value)))));

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function encode({ fields, extensions }: Message, object: Readonly<Record<string, unknown>>): Buffer {
  const parts: Uint8Array[] = [];
  const others: [string, unknown][] = [];
  for (const [name, value] of Object.entries(object)) {
    if (name.startsWith("x-")) others.push([name, value]);
    else parts.push(...(fields[name]?.(value) ?? []));
  }
  if (extensions !== undefined) parts.push(...map(extensions, any(2))(Object.fromEntries(others)));
  return Buffer.concat(parts);
}

const schemaMessage = (): Message => schema;

const schema: Message = {
  extensions: 31,
  fields: {
    $ref: text(1),
    format: text(2),
    title: text(3),
    description: text(4),
    default: any(5),
    multipleOf: double(6),
    maximum: double(7),
    exclusiveMaximum: bool(8),
    minimum: double(9),
    exclusiveMinimum: bool(10),
    maxLength: int(11),
    minLength: int(12),
    pattern: text(13),
    maxItems: int(14),
    minItems: int(15),
    uniqueItems: bool(16),
    maxProperties: int(17),
    minProperties: int(18),
    required: texts(19),
    enum: list(any(20)),
    additionalProperties: (value) =>
      typeof value === "boolean"
        ? framed(21, Buffer.concat([varint(2 * 8), varint(Number(value))]))
        : within(21, message(1, schemaMessage))(value),
    type: (value) => within(22, texts(1))(typeof value === "string" ? [value] : value),
    items: within(23, message(1, schemaMessage)),
    allOf: list(message(24, schemaMessage)),
    properties: within(25, map(1, message(2, schemaMessage))),
  },
};

/** Where a parameter stands → its number among those that are no body. */
const places: Readonly<Record<string, number>> = { header: 1, formData: 2, query: 3, path: 4 };

const body: Message = {
  extensions: 6,
  fields: {
    description: text(1),
    name: text(2),
    in: text(3),
    required: bool(4),
    schema: message(5, schemaMessage),
  },
};

/** Of a query; a path's and a header's lack `allow_empty_value`, so that what follows has other numbers. */
const query: Message = {
  extensions: 23,
  fields: {
    required: bool(1),
    in: text(2),
    description: text(3),
    name: text(4),
    type: text(6),
    uniqueItems: bool(20),
  },
};
const place: Message = {
  extensions: 22,
  fields: {
    required: bool(1),
    in: text(2),
    description: text(3),
    name: text(4),
    type: text(5),
    uniqueItems: bool(19),
  },
};
const reference: Message = { fields: { $ref: text(1), description: text(2) } };

const parameter =
  (number: number): Field =>
  (value) => {
    if (!isRecord(value)) return [];
    if (value["$ref"] !== undefined)
      return within(
        number,
        message(2, () => reference),
      )(value);
    if (value["in"] === "body")
      return within(
        number,
        within(
          1,
          message(1, () => body),
        ),
      )(value);
    const which = places[String(value["in"])];
    if (which === undefined) return [];
    const of = () => (which === places["query"] ? query : place);
    return within(number, within(1, within(2, message(which, of))))(value);
  };

const response: Message = {
  extensions: 5,
  fields: { description: text(1), schema: within(2, message(1, schemaMessage)) },
};

const operation: Message = {
  extensions: 13,
  fields: {
    tags: texts(1),
    summary: text(2),
    description: text(3),
    operationId: text(5),
    produces: texts(6),
    consumes: texts(7),
    parameters: list(parameter(8)),
    responses: within(
      9,
      map(
        1,
        within(
          2,
          message(1, () => response),
        ),
      ),
    ),
    schemes: texts(10),
    deprecated: bool(11),
  },
};

const verb = (number: number) => message(number, () => operation);

const pathItem: Message = {
  extensions: 10,
  fields: {
    get: verb(2),
    put: verb(3),
    post: verb(4),
    delete: verb(5),
    options: verb(6),
    head: verb(7),
    patch: verb(8),
    parameters: list(parameter(9)),
  },
};

const document: Message = {
  extensions: 16,
  fields: {
    swagger: text(1),
    info: message(2, () => ({ fields: { title: text(1), version: text(2), description: text(3) } })),
    host: text(3),
    basePath: text(4),
    paths: within(
      8,
      map(
        2,
        message(2, () => pathItem),
      ),
    ),
    definitions: within(9, map(1, message(2, schemaMessage))),
  },
};

/** The bytes of openapi.v2.Document. */
export function encodeDocument(openApi: object): Buffer {
  return encode(document, { ...openApi });
}
