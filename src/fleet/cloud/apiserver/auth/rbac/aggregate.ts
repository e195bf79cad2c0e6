/** Aggregated cluster roles: the rules of all cluster roles that the selectors mean, in the order of their names, each once. */
import { KubeError, type KubeClient, type KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import { clusterRoles } from "./bindings.ts";
import { pause } from "../../../../../base/pause.ts";
import { readRules } from "./rules.ts";

/** Milliseconds between two tries after an error. */
const patience = 1000;

interface Requirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly Requirement[];
}

type Labels = Readonly<Record<string, string>>;

/** The roles whose rules are not what they should be, with the rules that they should have. */
export function aggregated(roles: readonly KubeObject[]): KubeObject[] {
  const sorted = roles.toSorted((a, b) => ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1));
  return sorted.flatMap((role) => {
    const selectors = selectorsOf(role);
    if (!selectors) return [];
    const chosen = sorted.filter(
      (other) =>
        other !== role && selectors.some((selector) => selects(selector, other.metadata.labels ?? {})),
    );
    const rules = new Map(
      chosen.flatMap((other) =>
        readRules(other["rules"]).map((rule) => [JSON.stringify(rule), rule] as const),
      ),
    );
    const wanted = [...rules.values()];
    const same = JSON.stringify(readRules(role["rules"])) === JSON.stringify(wanted);
    return same ? [] : [{ ...structuredClone(role), rules: wanted }];
  });
}

/** Writes until nothing is left to write: a role may be made of roles that are made of others. */
export async function aggregateRoles(client: KubeClient, signal?: AbortSignal): Promise<void> {
  const options = signal ? { signal } : {};
  // Roles that select each other settle too: rules only come together. The bound is for what nobody thought of.
  for (let round = 0; round < 16; round += 1) {
    const { items } = await client.list(clusterRoles, options);
    const changed = aggregated(items);
    if (changed.length === 0) return;
    await Promise.all(changed.map((role) => client.update(clusterRoles, role).catch(again)));
  }
}

/** Keeps them so until it is disposed of. `warn` is told what could not be written. */
export function keepAggregated(client: KubeClient, warn: (text: string) => void): AsyncDisposable {
  const ending = new AbortController();
  const { signal } = ending;
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        const { resourceVersion } = await client.list(clusterRoles, { signal });
        await aggregateRoles(client, signal);
        for await (const event of client.watch(clusterRoles, { resourceVersion, signal }))
          if (event.type !== "BOOKMARK") await aggregateRoles(client, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof KubeError) || error.reason !== "Expired")
          warn(`cannot aggregate cluster roles: ${String(error)}`);
        await pause(patience, signal);
      }
    }
  };
  const running = run();
  return {
    [Symbol.asyncDispose]: async () => {
      ending.abort();
      await running;
    },
  };
}

function again(error: unknown): void {
  if (error instanceof KubeError && (error.reason === "Conflict" || error.reason === "NotFound")) return;
  throw error;
}

function selectorsOf(role: KubeObject): readonly LabelSelector[] | undefined {
  const { clusterRoleSelectors } = (role["aggregationRule"] ?? {}) as { clusterRoleSelectors?: unknown };
  return Array.isArray(clusterRoleSelectors) ? (clusterRoleSelectors as LabelSelector[]) : undefined;
}

/** An empty selector means all. */
function selects({ matchLabels = {}, matchExpressions = [] }: LabelSelector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every((requirement) => meets(requirement, labels[requirement.key]))
  );
}

function meets({ operator, values = [] }: Requirement, value: string | undefined): boolean {
  if (operator === "In") return value !== undefined && values.includes(value);
  if (operator === "NotIn") return value === undefined || !values.includes(value);
  if (operator === "Exists") return value !== undefined;
  return operator === "DoesNotExist" && value === undefined;
}
