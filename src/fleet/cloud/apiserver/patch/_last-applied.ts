/**
 * The way from `kubectl apply` to `kubectl apply --server-side` and back: what the annotation of the former says was applied counts as applied, and it is kept up to date.
 * https://kubernetes.io/docs/reference/using-api/server-side-apply/#upgrading-from-client-side-apply-to-server-side-apply
 */
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import { isDeeperThan, isFields, maxDepth } from "../schema/json.ts";
import type { Definitions, Schema } from "../schema/schema.ts";
import { difference, emptySet, type FieldSet } from "./_set.ts";
import { compare, fieldsOf } from "./_typed.ts";

const annotation = "kubectl.kubernetes.io/last-applied-configuration";
/** Only kubectl writes that annotation. */
const writer = "kubectl";

/** Fields that kubectl applied formerly and that nobody has changed since: it may take them without a conflict. */
export function appliedByAnnotation(
  live: KubeObject | undefined,
  manager: string,
  schema: Schema,
  definitions: Definitions,
): FieldSet {
  const text = manager === writer ? live?.metadata.annotations?.[annotation] : undefined;
  const applied = text === undefined ? undefined : parse(text);
  if (!live || !applied || applied["apiVersion"] !== live.apiVersion || applied["kind"] !== live.kind)
    return emptySet();
  const { changed, removed } = compare(live, applied, schema, definitions);
  return difference(difference(fieldsOf(applied, schema, definitions), changed), removed);
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) && !isDeeperThan(value, maxDepth) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The result with the annotation as a client-side apply of the same would leave it, where there is one. */
export function withAnnotation(result: KubeObject, applied: KubeObject, manager: string): KubeObject {
  const { annotations } = result.metadata;
  if (manager !== writer || annotations?.[annotation] === undefined) return result;
  const { [annotation]: _last, ...others } = applied.metadata.annotations ?? {};
  const { managedFields: _managed, ...metadata } = applied.metadata;
  const config = { ...applied, metadata: { ...metadata, annotations: others } };
  return {
    ...result,
    metadata: {
      ...result.metadata,
      annotations: { ...annotations, [annotation]: asKubectl(config) },
    },
  };
}

/** As kubectl writes it, so that the next client-side apply finds no difference: fields in order, some signs escaped. */
function asKubectl(config: unknown): string {
  const text = JSON.stringify(config, (_name, value: unknown) =>
    isFields(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
  const escaped = text.replaceAll(
    /[<>&\u2028\u2029]/g,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `${escaped}\n`;
}
