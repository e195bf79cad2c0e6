/**
 * The notation of tables/: API types as a reference shows them, expanded to schemas one by one when they are first asked for.
 *
 *     Container atomic -- What it is.            a type; `atomic`: server-side apply takes it as a whole
 *       name*  string                            a field; `*`: required
 *       ports  [ContainerPort] merge(containerPort) map(containerPort,protocol) -- What it is.
 *
 * Types: string, int (32 bits), long (64 bits), number, bool, time, microtime, bytes, any, object, IntOrString, Quantity, `A|B` (one of these words), `[T]`, `{T}` (a map by strings), and
 * other types by name: of the same package, of meta, or `package.Name`.
 * Marks: `=value` the default; `map(keys)`, `set`, `atomic` list types of server-side apply; `mapatomic`, `granular` map types; `merge(key)`, `merge(key):strategies`, `retainKeys` what
 * strategic merge patches do. References may stand beside other properties (`{ $ref, description, default }`).
 */
import type { Json } from "../../../../spec/kubernetes/kube.ts";
import type { Definitions, Schema } from "../schema/schema.ts";

/** A package's name in OpenAPI and its tables. */
export interface TypePackage {
  readonly name: string;
  readonly tables: readonly string[];
}

/** Packages by their short names, as `core.ObjectReference` has them. */
export type TypePackages = Readonly<Record<string, TypePackage>>;

export const quantityName = "io.k8s.apimachinery.pkg.api.resource.Quantity";
export const intOrStringName = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";

const simple: Readonly<Record<string, Schema>> = {
  string: { type: "string" },
  int: { type: "integer", format: "int32" },
  long: { type: "integer", format: "int64" },
  number: { type: "number", format: "double" },
  bool: { type: "boolean" },
  time: { type: "string", format: "date-time" },
  microtime: { type: "string", format: "date-time" },
  bytes: { type: "string", format: "byte" },
  any: { "x-kubernetes-preserve-unknown-fields": true },
  object: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
  Quantity: { $ref: quantityName },
  IntOrString: { $ref: intOrStringName },
};

const builtIn: Readonly<Record<string, Schema>> = {
  [quantityName]: {
    description: "A number with a unit: 100m, 1.5, 64Mi, 2G.",
    anyOf: [{ type: "string" }, { type: "number" }],
  },
  [intOrStringName]: {
    description: "A number, or a string such as 25% or a port's name.",
    "x-kubernetes-int-or-string": true,
  },
};

/** The definitions of all packages; each type is expanded at its first use and kept. */
export function openDefinitions(packages: TypePackages): Definitions & { names(): readonly string[] } {
  const texts = new Map<string, { readonly text: string; readonly scope: Scope }>();
  for (const [short, { name, tables }] of Object.entries(packages)) {
    for (const text of tables.flatMap((table) => table.trim().split("\n\n"))) {
      const type = /^\w+/.exec(text)?.[0] ?? "";
      texts.set(`${name}.${type}`, { text, scope: (reference) => resolve(short, reference) });
    }
  }
  const resolve = (short: string, reference: string): string => {
    const [type = "", from = short] = reference.split(".").reverse();
    const own = `${packages[from]?.name}.${type}`;
    return texts.has(own) ? own : `${packages.meta?.name}.${type}`;
  };
  const expanded = new Map<string, Schema>(Object.entries(builtIn));
  const find = (name: string): Schema | undefined => {
    const known = expanded.get(name);
    const source = known ? undefined : texts.get(name);
    if (!source) return known;
    const schema = parseType(source.text, source.scope);
    expanded.set(name, schema);
    return schema;
  };
  return Object.assign(find, { names: () => [...Object.keys(builtIn), ...texts.keys()] });
}

/** From a type's name to that of its definition. */
type Scope = (reference: string) => string;

/** What every kind has. */
const envelope: Readonly<Record<string, string>> = {
  apiVersion: "Group and version of this form of the object.",
  kind: "The kind of the object.",
  metadata: "What every object has: name, labels, who owns it.",
};

function parseType(text: string, scope: Scope): Schema {
  const [head = "", ...rows] = text.split("\n");
  const { words, description } = parseLine(head);
  const properties: Record<string, Schema> = {};
  const isKind = /^ {2}metadata +ObjectMeta$/m.test(text) && /^ {2}apiVersion /m.test(text);
  const required: string[] = [];
  for (const row of rows) {
    const [name, schema] = parseField(row, scope);
    const field = name.endsWith("*") ? name.slice(0, -1) : name;
    if (field !== name) required.push(field);
    const common = isKind ? envelope[field] : undefined;
    properties[field] = common === undefined ? schema : { ...schema, description: common };
  }
  return {
    ...(description === undefined ? {} : { description }),
    type: "object",
    properties,
    ...(required.length > 0 ? { required } : {}),
    ...(words.includes("atomic") ? { "x-kubernetes-map-type": "atomic" as const } : {}),
  };
}

function parseField(row: string, scope: Scope): [string, Schema] {
  const { words, description } = parseLine(row);
  const [name = "", type = "", ...marks] = words;
  const schema = parseWord(type, scope);
  if (marks.length === 0 && description === undefined) return [name, schema];
  return [
    name,
    Object.assign({}, schema, description === undefined ? {} : { description }, ...marks.map(parseMark)),
  ];
}

function parseLine(line: string): { words: string[]; description: string | undefined } {
  const [head = "", description] = line.split(" -- ");
  return { words: head.trim().split(/ +/), description };
}

function parseWord(word: string, scope: Scope): Schema {
  if (word.startsWith("[")) return { type: "array", items: parseWord(word.slice(1, -1), scope) };
  if (word.startsWith("{"))
    return { type: "object", additionalProperties: parseWord(word.slice(1, -1), scope) };
  if (word.includes("|")) return { type: "string", enum: word.split("|").sort() };
  return simple[word] ?? { $ref: scope(word) };
}

function parseMark(mark: string): Schema {
  const [, word = "", inner = "", rest = ""] = /^(\w+)?(?:\(([^)]*)\))?:?(.*)$/.exec(mark) ?? [];
  if (mark.startsWith("=")) return { default: parseDefault(mark.slice(1)) };
  if (word === "map")
    return { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": inner.split(",") };
  if (word === "set" || word === "atomic") return { "x-kubernetes-list-type": word };
  if (word === "mapatomic") return { "x-kubernetes-map-type": "atomic" };
  if (word === "granular" || word === "mapgranular") return { "x-kubernetes-map-type": "granular" };
  if (word === "retainKeys") return { "x-kubernetes-patch-strategy": "retainKeys" };
  if (word !== "merge") throw new Error(`unknown mark "${mark}" in a type table`);
  return {
    "x-kubernetes-patch-strategy": rest || "merge",
    ...(inner === "" ? {} : { "x-kubernetes-patch-merge-key": inner }),
  };
}

function parseDefault(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
