/** From the schema that a version brings to that of whole objects. */
import { objectMeta } from "../schema/metadata.ts";
import { own } from "../schema/resolve.ts";
import type { Schema } from "../schema/schema.ts";

const text: Schema = { type: "string" };

/** With apiVersion, kind and metadata, which a definition needs not describe; of metadata it may only restrict names. */
export function wholeSchema(schema: Schema | undefined): Schema {
  const given = schema ?? { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  const names = own(given.properties, "metadata")?.properties ?? {};
  const restricted = Object.fromEntries(
    ["name", "generateName"].flatMap((name) => {
      const field = own(names, name);
      return field ? [[name, { ...field, ...text }] as const] : [];
    }),
  );
  return {
    ...given,
    type: "object",
    properties: {
      apiVersion: text,
      kind: text,
      ...given.properties,
      metadata: { ...objectMeta, properties: { ...objectMeta.properties, ...restricted } },
    },
  };
}
