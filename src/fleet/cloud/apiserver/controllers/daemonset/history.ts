/** Writes a daemon set's revisions. */
import { KubeError } from "../../../../../spec/kubernetes/kube.ts";
import { claims, writeClaims } from "../adopt.ts";
import { place, unlessGone, writeStatus, type Context } from "../controller.ts";
import { kinds, type ControllerRevision, type DaemonSet, type Pod } from "../kinds.ts";
import { isOf, planRevisions, type RevisionStep } from "./revisions.ts";

export interface HistoryState {
  readonly set: DaemonSet;
  /** All revisions in the namespace. */
  readonly revisions: readonly ControllerRevision[];
  /** All pods of the set. */
  readonly pods: readonly Pod[];
}

/** The hash for pods of the present template; undefined when another revision has its name, and a look follows at what was written into the set's status. */
export async function keepHistory(
  context: Context,
  { set, revisions, pods }: HistoryState,
  signal: AbortSignal,
): Promise<string | undefined> {
  const claimed = claims(set, set.spec.selector, revisions);
  await writeClaims(context.client, kinds.controllerRevisions, set, { ...claimed, signal });
  const { hash, steps } = planRevisions({ set, revisions: [...claimed.owned, ...claimed.adopt], pods });
  for (const step of steps) if (!(await act(context, set, { step, signal }))) return undefined;
  return hash;
}

/** False when the name was taken. */
async function act(
  context: Context,
  set: DaemonSet,
  { step, signal }: { readonly step: RevisionStep; readonly signal: AbortSignal },
): Promise<boolean> {
  const { client } = context;
  const { revision } = step;
  const { uid, resourceVersion } = revision.metadata;
  switch (step.do) {
    case "create":
      return create(context, set, { revision, signal });
    case "renumber": {
      const patch = { metadata: { uid }, revision: step.number };
      const options = { type: "application/merge-patch+json", signal } as const;
      await unlessGone(client.patch(kinds.controllerRevisions, place(revision), patch, options));
      return true;
    }
    case "delete": {
      const preconditions = { ...(uid ? { uid } : {}), ...(resourceVersion ? { resourceVersion } : {}) };
      await unlessGone(client.delete(kinds.controllerRevisions, place(revision), { preconditions, signal }));
      return true;
    }
  }
}

async function create(
  { client }: Context,
  set: DaemonSet,
  { revision, signal }: { readonly revision: ControllerRevision; readonly signal: AbortSignal },
): Promise<boolean> {
  try {
    await client.create(kinds.controllerRevisions, revision, { signal });
    return true;
  } catch (error) {
    if (!(error instanceof KubeError) || error.reason !== "AlreadyExists") throw error;
  }
  const present = await client.get(kinds.controllerRevisions, place(revision), signal);
  // Of a set of the same name that is just being deleted: it goes with that, and then comes again as this one's.
  if (isOf(set, present as ControllerRevision)) return true;
  const collisionCount = Number(set.status?.["collisionCount"] ?? 0) + 1;
  const status = { ...set.status, collisionCount };
  await writeStatus(client, kinds.daemonSets, set, { status, signal });
  return false;
}
