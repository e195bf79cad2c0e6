import { describe, expect, test } from "bun:test";
import { at, daemonSet, pod } from "../_objects.ts";
import type { ControllerRevision, DaemonSet, PodTemplate } from "../kinds.ts";
import { hashLabel, hashOf, planRevisions, type RevisionsState, type RevisionStep } from "./revisions.ts";

function template(image: string): PodTemplate {
  const { spec } = daemonSet();
  return { ...spec.template, spec: { containers: [{ name: "main", image }] } };
}

function agent(image: string, revisionHistoryLimit = 10): DaemonSet {
  return daemonSet({ spec: { template: template(image), revisionHistoryLimit } });
}

/** The revision that the set of this image gets, with another number. */
function of(image: string, revision: number): ControllerRevision {
  const [step] = planRevisions({ set: agent(image), revisions: [], pods: [] }).steps;
  if (step?.do !== "create") throw new Error("no revision");
  return { ...step.revision, revision };
}

function inShort(steps: readonly RevisionStep[]): readonly string[] {
  return steps.map((step) => {
    if (step.do === "create") return `+${step.revision.revision}`;
    return step.do === "delete" ? `-${step.revision.revision}` : `${step.revision.revision}: ${step.number}`;
  });
}

const onOld = (image: string) =>
  pod(`p-${image}`, { metadata: { labels: { app: "agent", [hashLabel]: hashOf(agent(image)) } } });

const rows: readonly (readonly [string, RevisionsState, readonly string[]])[] = [
  ["the first template", { set: agent("a"), revisions: [], pods: [] }, ["+1"]],
  ["the template as it was", { set: agent("a"), revisions: [of("a", 1)], pods: [] }, []],
  ["another template", { set: agent("b"), revisions: [of("a", 4)], pods: [] }, ["+5"]],
  [
    "a template that comes back is the newest",
    { set: agent("a"), revisions: [of("a", 1), of("b", 2)], pods: [] },
    ["1: 3"],
  ],
  [
    "a template that came back stays the newest",
    { set: agent("a"), revisions: [of("a", 3), of("b", 2)], pods: [] },
    [],
  ],
  [
    "the oldest beyond the limit",
    { set: agent("d", 1), revisions: [of("c", 3), of("a", 1), of("b", 2)], pods: [] },
    ["+4", "-1", "-2"],
  ],
  [
    "one that a pod is still of stays",
    { set: agent("d", 1), revisions: [of("a", 1), of("b", 2), of("c", 3)], pods: [onOld("a")] },
    ["+4", "-2", "-3"],
  ],
  ["no history", { set: agent("b", 0), revisions: [of("a", 1), of("b", 2)], pods: [] }, ["-1"]],
  [
    "being deleted, it writes none",
    {
      set: daemonSet({ metadata: { deletionTimestamp: at(0) } }),
      revisions: [],
      pods: [],
    },
    [],
  ],
];

describe("a daemon set's history", () => {
  for (const [what, state, steps] of rows) {
    test(what, () => {
      expect(inShort(planRevisions(state).steps)).toEqual([...steps]);
    });
  }

  test("a revision is the set's own, and its data is the patch that kubectl compares and sends", () => {
    const set = daemonSet({
      metadata: {
        annotations: {
          "kubernetes.io/change-cause": "first",
          "kubectl.kubernetes.io/last-applied-configuration": "{}",
        },
      },
    });
    const { hash, steps } = planRevisions({ set, revisions: [], pods: [] });
    expect(steps).toMatchObject([
      {
        do: "create",
        revision: {
          metadata: {
            name: `agent-${hash}`,
            namespace: "default",
            labels: { app: "agent", [hashLabel]: hash },
            ownerReferences: [{ kind: "DaemonSet", name: "agent", uid: "uid-agent", controller: true }],
          },
          revision: 1,
        },
      },
    ]);
    const [step] = steps;
    expect(step?.revision.metadata.annotations).toEqual({ "kubernetes.io/change-cause": "first" });
    expect(JSON.stringify(step?.revision.data)).toBe(
      '{"spec":{"template":{"$patch":"replace","metadata":{"creationTimestamp":null,"labels":{"app":"agent"}},' +
        '"spec":{"containers":[{"image":"a","name":"main","resources":{}}]}}}}',
    );
  });

  test("pods keep the hash that the revision has, whoever made it", () => {
    const present = of("a", 1);
    const labels = { ...present.metadata.labels, [hashLabel]: "theirs" };
    const made = { ...present, metadata: { ...present.metadata, labels } };
    const plan = planRevisions({ set: agent("a"), revisions: [made], pods: [] });
    expect(plan).toEqual({ hash: "theirs", steps: [] });
  });

  test("a name that another template has gives another hash", () => {
    const set = agent("a");
    const salted: DaemonSet = { ...set, status: { collisionCount: 1 } };
    expect(hashOf(salted)).not.toBe(hashOf(set));
  });
});
