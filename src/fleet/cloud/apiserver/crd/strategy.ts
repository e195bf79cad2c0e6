/** What is particular to CustomResourceDefinitions as a kind. */
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import type { Resource, Strategy } from "../resource.ts";
import { nameColumn, table } from "../types/fields/columns.ts";
import { cleanupFinalizer, fields, isTerminating, readDefinition } from "./definition.ts";
import type { Taken } from "./names.ts";
import { settleStatus } from "./status.ts";
import { definitionCauses, definitionUpdateCauses } from "./validate.ts";

/** The built-in kind with its rules. `taken` gives the accepted names of all other kinds of a group. */
export function definitionResource(
  resource: Resource,
  taken: (group: string, but: string) => readonly Taken[],
): Resource {
  const strategy = definitionStrategy(resource.strategy, taken);
  const own: Pick<Resource, "strategy" | "table"> = { strategy, table: definitionTable };
  // Its schema is made when it is first asked for.
  return Object.defineProperties(
    {},
    { ...Object.getOwnPropertyDescriptors(resource), ...Object.getOwnPropertyDescriptors(own) },
  ) as Resource;
}

const definitionTable = table([
  nameColumn,
  {
    name: "Created At",
    type: "date",
    description: "When it was created.",
    cell: ({ metadata }) => metadata.creationTimestamp,
  },
]);

function definitionStrategy(
  base: Strategy,
  taken: (group: string, but: string) => readonly Taken[],
): Strategy {
  const settle = (object: KubeObject, now: string): void => {
    const { group } = readDefinition(object);
    settleStatus(object, taken(group, object.metadata.name ?? ""), now);
  };
  return {
    ...base,
    default(object) {
      base.default?.(object);
      complete(object);
    },
    prepareForCreate(object, context) {
      base.prepareForCreate?.(object, context);
      hold(object);
      settle(object, context.now);
    },
    prepareForUpdate(object, old, context) {
      base.prepareForUpdate?.(object, old, context);
      if (context.subresource !== undefined) return;
      if (!isTerminating(old)) hold(object);
      settle(object, context.now);
    },
    validate: (object, context) => [...(base.validate?.(object, context) ?? []), ...definitionCauses(object)],
    validateUpdate: (object, old, context) => [
      ...(base.validateUpdate?.(object, old, context) ?? []),
      ...definitionUpdateCauses(object, old),
    ],
  };
}

/** Its objects go before it does. */
function hold({ metadata }: KubeObject): void {
  const finalizers = metadata.finalizers ?? [];
  if (!finalizers.includes(cleanupFinalizer)) metadata.finalizers = [...finalizers, cleanupFinalizer];
}

/** What the API server fills in: the singular, the name of lists, that nothing is converted. */
function complete(object: KubeObject): void {
  const spec = fields(object["spec"]) as Record<string, unknown>;
  const names = fields(spec["names"]) as Record<string, unknown>;
  const { kind } = names;
  if (typeof kind === "string" && kind !== "") {
    names["singular"] ||= kind.toLowerCase();
    names["listKind"] ||= `${kind}List`;
  }
  if (object["spec"] !== undefined) spec["conversion"] ??= { strategy: "None" };
}
