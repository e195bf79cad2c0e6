/** Jobs on a real API, with edges of several releases that are played by the test. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startTasks, type Tasks } from "../../../src/fleet/cloud/tasks/start.ts";
import { message, type Envelope } from "../../../src/fleet/link/envelope.ts";
import type { KubeObject } from "../../../src/spec/kubernetes/kube.ts";
import { capturedMessage } from "../devices/captured.ts";
import { openPartCloud, type PartCloud, type PartCloudOptions } from "../devices/cloud.ts";

const resource = (plural: string) => ({
  group: "operations.kubeedge.io",
  version: "v1alpha2",
  resource: plural,
});
const upgrades = resource("nodeupgradejobs");
const pulls = resource("imageprepulljobs");
const configs = resource("configupdatejobs");
const nodes = { group: "", version: "v1", resource: "nodes" };
const apiVersion = "operations.kubeedge.io/v1alpha2";

interface Fleet extends AsyncDisposable {
  readonly cloud: PartCloud;
  readonly tasks: Tasks;
}

async function openFleet(names: readonly string[], options?: PartCloudOptions): Promise<Fleet> {
  const started: Tasks[] = [];
  const cloud = await openPartCloud(async (context) => {
    const tasks = await startTasks(context);
    started.push(tasks);
    return tasks;
  }, options);
  for (const name of names) {
    await cloud.client.create(nodes, {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name, labels: { site: "x" } },
    });
    await cloud.until(nodes, name, () => true);
  }
  const [tasks] = started;
  if (!tasks) throw new Error("unreachable");
  return { cloud, tasks, [Symbol.asyncDispose]: () => cloud[Symbol.asyncDispose]() };
}

const pullJob = (spec: object, name = "job"): KubeObject => ({
  apiVersion,
  kind: "ImagePrePullJob",
  metadata: { name },
  spec: { imagePrePullTemplate: { images: ["nginx:1"], ...spec } },
});
const upgradeJob = (spec: object): KubeObject => ({
  apiVersion,
  kind: "NodeUpgradeJob",
  metadata: { name: "job" },
  spec: { version: "v1.99.0", ...spec },
});
const configJob = (spec: object): KubeObject => ({
  apiVersion,
  kind: "ConfigUpdateJob",
  metadata: { name: "job" },
  spec: { updateFields: { "modules.edgeHub.heartbeat": "30" }, ...spec },
});

interface Status {
  phase?: string;
  reason?: string;
  nodeStatus?: {
    nodeName: string;
    phase: string;
    reason?: string;
    actionFlow?: { action: string; status: string }[];
  }[];
}
const statusOf = (job: KubeObject) => (job["status"] ?? {}) as Status;
const phasesOf = (job: KubeObject) =>
  Object.fromEntries((statusOf(job).nodeStatus ?? []).map(({ nodeName, phase }) => [nodeName, phase]));
const isOver = (job: KubeObject) => ["Completed", "Failure"].includes(statusOf(job).phase ?? "");
const isTask = ({ route }: Envelope) =>
  route.group === "taskmanager" || route.group === "nodeupgradejobcontroller";

function report(
  kind: string,
  node: string,
  action: string,
  part: { succ?: boolean; reason?: string; extend?: string } = {},
) {
  const route = {
    source: "websocket",
    group: "hub",
    operation: "UpdateNodeActionStatus",
    resource: `operations.kubeedge.io/v1alpha2/${kind}/job/node/${node}`,
  };
  const { succ = true, reason = "", extend = "" } = part;
  return message(route, { action, succ, finishTime: "2026-11-21T06:30:00Z", reason, extend });
}

describe("since 1.21", () => {
  test("a node gets the job's spec, and its actions stand in the status", async () => {
    await using fleet = await openFleet(["edge1"]);
    const { hub, client, until } = fleet.cloud;
    hub.connect("edge1");
    const job = await client.create(pulls, pullJob({ nodeNames: ["edge1"] }));
    const told = await hub.untilSent("edge1", isTask);
    expect(told.route).toEqual({
      source: "taskmanager",
      group: "taskmanager",
      operation: "Check",
      resource: "operations.kubeedge.io/v1alpha2/imageprepulljob/job/node/edge1",
    });
    expect(told.content).toEqual(job["spec"]);
    await hub.say("edge1", report("imageprepulljob", "edge1", "Check"));
    const extend = JSON.stringify([{ image: "nginx:1", status: "True", reason: "" }]);
    await hub.say("edge1", report("imageprepulljob", "edge1", "Pull", { extend }));
    const after = await until(pulls, "job", isOver);
    expect(after["status"]).toEqual({
      phase: "Completed",
      nodeStatus: [
        {
          nodeName: "edge1",
          phase: "Successful",
          actionFlow: [
            { action: "Check", status: "True", time: "2026-11-21T06:30:00Z" },
            { action: "Pull", status: "True", time: "2026-11-21T06:30:00Z" },
          ],
          imageStatus: [{ image: "nginx:1", status: "True" }],
        },
      ],
    });
    expect(after.metadata.finalizers).toEqual(["kubeedge.io/imageprepulljob-controller"]);
    await client.delete(pulls, { name: "job" });
    await fleet.cloud.untilGone(pulls, "job");
  });

  test("nodes go one after the other, or as many as may go at once", async () => {
    const names = ["edge1", "edge2", "edge3"];
    await using fleet = await openFleet(names);
    const { hub, client, until } = fleet.cloud;
    for (const name of names) hub.connect(name);
    const labelSelector = { matchLabels: { site: "x" } };
    await client.create(pulls, pullJob({ labelSelector, concurrency: 2 }));
    await hub.untilSent("edge2", isTask);
    const first = await until(pulls, "job", (job) => Object.values(phasesOf(job)).includes("InProgress"));
    expect(phasesOf(first)).toEqual({ edge1: "InProgress", edge2: "InProgress", edge3: "Pending" });
    expect(hub.sent("edge3").filter(isTask)).toEqual([]);
    await hub.say("edge1", report("imageprepulljob", "edge1", "Pull"));
    await hub.untilSent("edge3", isTask);
    for (const name of ["edge2", "edge3"]) await hub.say(name, report("imageprepulljob", name, "Pull"));
    expect(statusOf(await until(pulls, "job", isOver)).phase).toBe("Completed");
  });

  test("when more failed than may, no further node begins", async () => {
    const names = ["edge1", "edge2", "edge3"];
    await using fleet = await openFleet(names);
    const { hub, client, until } = fleet.cloud;
    for (const name of names) hub.connect(name);
    await client.create(pulls, pullJob({ nodeNames: names, failureTolerate: "0.3" }));
    await hub.untilSent("edge1", isTask);
    await hub.say("edge1", report("imageprepulljob", "edge1", "Check", { succ: false, reason: "no room" }));
    const job = await until(pulls, "job", isOver);
    expect(statusOf(job)).toMatchObject({ phase: "Failure", reason: expect.stringContaining("33 %") });
    expect(phasesOf(job)).toEqual({ edge1: "Failure", edge2: "Pending", edge3: "Pending" });
    expect(statusOf(job).nodeStatus?.[0]?.reason).toBe("Check: no room");
    expect(hub.sent("edge2").filter(isTask)).toEqual([]);
  });

  test("when as many failed as may, the others go on", async () => {
    const names = ["edge1", "edge2"];
    await using fleet = await openFleet(names);
    const { hub, client, until } = fleet.cloud;
    for (const name of names) hub.connect(name);
    await client.create(pulls, pullJob({ nodeNames: names, failureTolerate: "50%" }));
    await hub.untilSent("edge1", isTask);
    await hub.say("edge1", report("imageprepulljob", "edge1", "Check", { succ: false }));
    await hub.untilSent("edge2", isTask);
    await hub.say("edge2", report("imageprepulljob", "edge2", "Pull"));
    expect(statusOf(await until(pulls, "job", isOver)).phase).toBe("Completed");
  });

  test("a node that says nothing is given up after the job's time", async () => {
    await using fleet = await openFleet(["edge1"]);
    fleet.cloud.hub.connect("edge1");
    await fleet.cloud.client.create(pulls, pullJob({ nodeNames: ["edge1"] }));
    await fleet.cloud.hub.untilSent("edge1", isTask);
    const job = await fleet.cloud.passing(fleet.cloud.until(pulls, "job", isOver));
    expect(statusOf(job).nodeStatus?.[0]).toMatchObject({ phase: "Unknown", reason: "no end within 300 s" });
  });

  test("a node that is away is waited for as long, and holds up no other", async () => {
    await using fleet = await openFleet(["edge1", "edge2"]);
    const { hub, client, until } = fleet.cloud;
    hub.connect("edge2");
    await client.create(pulls, pullJob({ nodeNames: ["edge1", "edge2"], failureTolerate: "1" }));
    await hub.untilSent("edge2", isTask);
    await hub.say("edge2", report("imageprepulljob", "edge2", "Pull"));
    await until(pulls, "job", (each) => phasesOf(each)["edge2"] === "Successful");
    const job = await fleet.cloud.passing(until(pulls, "job", isOver));
    expect(phasesOf(job)).toEqual({ edge1: "Failure", edge2: "Successful" });
    expect(statusOf(job).nodeStatus?.[0]?.reason).toBe("not connected within 300 s");
  });

  test("what got lost with a session is told again in the next, and once only in each", async () => {
    await using fleet = await openFleet(["edge1"]);
    const { hub, client, until } = fleet.cloud;
    hub.connect("edge1");
    await client.create(configs, configJob({ nodeNames: ["edge1"] }));
    await hub.untilSent("edge1", isTask);
    hub.forget();
    hub.connect("edge1");
    await hub.untilSent("edge1", isTask);
    await hub.say("edge1", report("configupdatejob", "edge1", "Check"));
    await until(configs, "job", (job) => statusOf(job).nodeStatus?.[0]?.actionFlow?.length === 1);
    expect(hub.sent("edge1").filter(isTask)).toHaveLength(1);
  });

  test("a cloud that starts again goes on with the job", async () => {
    await using fleet = await openFleet(["edge1"]);
    const { hub, client, until } = fleet.cloud;
    hub.connect("edge1");
    await client.create(configs, configJob({ nodeNames: ["edge1"] }));
    await hub.untilSent("edge1", isTask);
    await fleet.tasks[Symbol.asyncDispose]();
    await fleet.cloud.begin(startTasks);
    for (const action of ["Check", "BackUp", "Update"])
      await hub.say("edge1", report("configupdatejob", "edge1", action));
    const job = await until(configs, "job", isOver);
    expect(statusOf(job).nodeStatus?.[0]?.actionFlow?.map(({ action }) => action)).toEqual([
      "Check",
      "BackUp",
      "Update",
    ]);
  });

  test("a node that is upgraded takes no pods meanwhile, and remembers its versions", async () => {
    await using fleet = await openFleet(["edge1"]);
    const { hub, client, until } = fleet.cloud;
    hub.connect("edge1");
    await client.create(upgrades, upgradeJob({ nodeNames: ["edge1"] }));
    await hub.untilSent("edge1", isTask);
    const cordoned = await client.get(nodes, { name: "edge1" });
    expect(cordoned["spec"]).toMatchObject({ unschedulable: true });
    for (const action of ["Check", "BackUp"])
      await hub.say("edge1", report("nodeupgradejob", "edge1", action));
    await hub.say("edge1", report("nodeupgradejob", "edge1", "Upgrade", { extend: "v1.98.0,v1.99.0" }));
    expect(statusOf(await until(upgrades, "job", isOver)).phase).toBe("Completed");
    const free = await until(
      nodes,
      "edge1",
      ({ spec }) => !(spec as { unschedulable?: boolean } | undefined)?.unschedulable,
    );
    expect(free.metadata.annotations).toMatchObject({
      "nodeupgradejob.operations.kubeedge.io/history": "v1.98.0->v1.99.0",
    });
  });

  test("a node that somebody took out of service stays so", async () => {
    await using fleet = await openFleet(["edge1"]);
    const { hub, client, until } = fleet.cloud;
    await client.patch(
      nodes,
      { name: "edge1" },
      { spec: { unschedulable: true } },
      { type: "application/merge-patch+json" },
    );
    await until(
      nodes,
      "edge1",
      ({ spec }) => (spec as { unschedulable?: boolean } | undefined)?.unschedulable === true,
    );
    hub.connect("edge1");
    await client.create(upgrades, upgradeJob({ nodeNames: ["edge1"] }));
    await hub.untilSent("edge1", isTask);
    await hub.say("edge1", report("nodeupgradejob", "edge1", "Check", { succ: false }));
    await until(upgrades, "job", isOver);
    expect((await client.get(nodes, { name: "edge1" }))["spec"]).toMatchObject({ unschedulable: true });
  });

  test("that an upgrade was taken back is told after the job's end too", async () => {
    await using fleet = await openFleet(["edge1"]);
    const { hub, client, until } = fleet.cloud;
    hub.connect("edge1");
    await client.create(upgrades, upgradeJob({ nodeNames: ["edge1"] }));
    await hub.untilSent("edge1", isTask);
    await hub.say("edge1", report("nodeupgradejob", "edge1", "Upgrade", { succ: false, reason: "broken" }));
    await until(upgrades, "job", isOver);
    await hub.say("edge1", report("nodeupgradejob", "edge1", "RollBack"));
    const job = await until(
      upgrades,
      "job",
      (each) => statusOf(each).nodeStatus?.[0]?.actionFlow?.length === 2,
    );
    expect(statusOf(job).nodeStatus?.[0]).toMatchObject({ phase: "Failure", reason: "Upgrade: broken" });
  });

  test("a node that waits for a person is not late", async () => {
    await using fleet = await openFleet(["edge1", "edge2"]);
    const { hub, client, until } = fleet.cloud;
    for (const name of ["edge1", "edge2"]) hub.connect(name);
    await client.create(upgrades, upgradeJob({ nodeNames: ["edge1", "edge2"], failureTolerate: "1" }));
    await hub.untilSent("edge1", isTask);
    await hub.say("edge1", report("nodeupgradejob", "edge1", "WaitingConfirmation"));
    await hub.untilSent("edge2", isTask);
    const job = await fleet.cloud.passing(
      until(upgrades, "job", (each) => phasesOf(each)["edge2"] === "Unknown"),
    );
    expect(phasesOf(job)["edge1"]).toBe("InProgress");
  });
});

describe("releases before 1.21", () => {
  test("1.15 gets one upgrade as it was captured, and reports by HTTPS", async () => {
    await using fleet = await openFleet(["edge1"]);
    const { hub, client, until } = fleet.cloud;
    hub.connect("edge1", "1.15.4");
    const job = upgradeJob({ nodeNames: ["edge1"], image: "registry.local/installation-package" });
    await client.create(upgrades, { ...job, metadata: { name: "up1" } });
    const told = await hub.untilSent("edge1", isTask);
    const seen = capturedMessage(({ route }) => route.operation === "upgrade");
    expect(told.route).toEqual(seen.route);
    const { HistoryID, ...content } = told.content as { HistoryID: string };
    const { HistoryID: _, ...wanted } = seen.content as { HistoryID: string };
    expect(content).toEqual({ ...wanted, UpgradeTool: "" } as never);
    const body = {
      UpgradeID: "up1",
      HistoryID,
      NodeName: "edge1",
      FromVersion: "v1.15.4",
      ToVersion: "v1.99.0",
    };
    const bytes = (status: string) => Buffer.from(JSON.stringify({ ...body, Status: status, Reason: "" }));
    expect(() =>
      fleet.tasks.report({ kind: "upgrade", node: "edge2", body: bytes("upgrade_success") }),
    ).toThrow("its sender is");
    fleet.tasks.report({ kind: "upgrade", node: "edge1", body: bytes("upgrade_success") });
    const after = await until(upgrades, "up1", isOver);
    expect(statusOf(after)).toMatchObject({
      phase: "Completed",
      nodeStatus: [{ historicVersion: "v1.15.4", currentVersion: "v1.99.0" }],
    });
  });

  test("1.17 is led from state to state", async () => {
    await using fleet = await openFleet(["edge1"]);
    const { hub, client, until } = fleet.cloud;
    hub.connect("edge1", "1.17.5");
    await client.create(upgrades, upgradeJob({ nodeNames: ["edge1"] }));
    const stateOf = ({ content }: Envelope) => (content as { State?: string }).State;
    for (const [state, Event] of [
      ["Init", "Init"],
      ["Checking", "Check"],
      ["BackingUp", "Backup"],
      ["Upgrading", "Upgrade"],
    ]) {
      const told = await hub.untilSent("edge1", (each) => isTask(each) && stateOf(each) === state);
      expect(told.content).toMatchObject({
        TaskID: "job",
        Type: "upgrade",
        Item: { UpgradeID: "job", Version: "v1.99.0" },
      });
      const content = {
        NodeName: "edge1",
        State: state,
        Event,
        Action: "Success",
        Reason: "",
        Time: "",
        ExternalMessage: "",
      };
      const route = {
        source: "websocket",
        group: "hub",
        operation: "upgrade",
        resource: "task/job/node/edge1",
      };
      await hub.say("edge1", message(route, content));
      // Said twice, it counts once.
      await hub.say("edge1", message(route, content));
    }
    const job = await until(upgrades, "job", isOver);
    expect(statusOf(job).nodeStatus?.[0]?.actionFlow?.map(({ action }) => action)).toEqual([
      "Init",
      "Check",
      "BackUp",
      "Upgrade",
    ]);
    expect(hub.sent("edge1").filter(isTask)).toHaveLength(4);
  });

  test("1.20 says of each image in its own words how it did", async () => {
    await using fleet = await openFleet(["edge1"]);
    const { hub, client, until } = fleet.cloud;
    hub.connect("edge1", "1.20.0");
    await client.create(pulls, pullJob({ nodeNames: ["edge1"] }));
    const images = JSON.stringify([
      { image: "nginx:1", state: "Successful" },
      { image: "redis:7", state: "Failed", reason: "no such image" },
    ]);
    for (const [State, Event, Action, ExternalMessage] of [
      ["Init", "Init", "Success", ""],
      ["Checking", "Check", "Success", ""],
      ["Pulling", "Pull", "Failure", images],
    ] as const) {
      await hub.untilSent("edge1", (each) => (each.content as { State?: string }).State === State);
      const route = {
        source: "websocket",
        group: "hub",
        operation: "prepull",
        resource: "task/job/node/edge1",
      };
      const body = { NodeName: "edge1", State: "", Event, Action, Reason: "", Time: "", ExternalMessage };
      await hub.say("edge1", message(route, body));
    }
    expect(statusOf(await until(pulls, "job", isOver)).nodeStatus?.[0]).toMatchObject({
      phase: "Failure",
      imageStatus: [
        { image: "nginx:1", status: "True" },
        { image: "redis:7", status: "False", reason: "no such image" },
      ],
    });
  });

  test("1.17 is led back when its upgrade failed", async () => {
    await using fleet = await openFleet(["edge1"]);
    const { hub, client } = fleet.cloud;
    hub.connect("edge1", "1.17.5");
    await client.create(upgrades, upgradeJob({ nodeNames: ["edge1"] }));
    await hub.untilSent("edge1", isTask);
    const body = {
      NodeName: "edge1",
      State: "Upgrading",
      Event: "Upgrade",
      Action: "Failure",
      Reason: "x",
      Time: "",
      ExternalMessage: "",
    };
    fleet.tasks.report({
      kind: "task",
      type: "upgrade",
      id: "job",
      node: "edge1",
      body: Buffer.from(JSON.stringify(body)),
    });
    await hub.untilSent("edge1", ({ content }) => (content as { State?: string }).State === "RollingBack");
  });

  test.each<[string, string, () => [typeof upgrades, KubeObject]]>([
    ["1.15.4", "images", () => [pulls, pullJob({ nodeNames: ["edge1"] })]],
    ["1.17.5", "a configuration", () => [configs, configJob({ nodeNames: ["edge1"] })]],
  ])("%s fails for %s without being asked", async (version, _, job) => {
    await using fleet = await openFleet(["edge1"]);
    fleet.cloud.hub.connect("edge1", version);
    const [kind, object] = job();
    await fleet.cloud.client.create(kind, object);
    const after = await fleet.cloud.until(kind, "job", isOver);
    expect(statusOf(after).nodeStatus?.[0]?.reason).toContain("its release cannot");
    expect(fleet.cloud.hub.sent("edge1").filter(isTask)).toEqual([]);
  });
});

const signs = [
  "$(id)",
  "`id`",
  "a;id",
  "a|id",
  "a&&id",
  "a>b",
  "a\nb",
  "a b",
  "'a'",
  '"a"',
  "a\\b",
  "../../a",
  "--flag",
  "a\u0000b",
];

/** What is a place of a secret, or of a setting, and means nothing else there. */
const isWord = (sign: string) => /^[\w./-]*$/.test(sign);

describe("a job with signs of a shell", () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await openFleet(["edge1"]);
    fleet.cloud.hub.connect("edge1");
  });
  afterAll(async () => await fleet[Symbol.asyncDispose]());

  test.each(signs)("%p reaches no node, wherever it stands", async (sign) => {
    const { hub, client, until } = fleet.cloud;
    const nodeNames = ["edge1"];
    const jobs: [typeof upgrades, KubeObject][] = [
      [upgrades, upgradeJob({ nodeNames, version: sign })],
      [upgrades, upgradeJob({ nodeNames, image: sign })],
      [pulls, pullJob({ nodeNames, images: [sign] })],
      [pulls, pullJob({ nodeNames, imageSecrets: isWord(sign) ? "a;b" : sign })],
      [configs, configJob({ nodeNames, updateFields: { [isWord(sign) ? "a/b" : sign]: "x" } })],
      [pulls, pullJob({ nodeNames: [sign] })],
    ];
    for (const [index, [kind, job]] of jobs.entries()) {
      const name = `job${signs.indexOf(sign)}-${index}`;
      await client.create(kind, { ...job, metadata: { name } });
      const after = await until(kind, name, isOver);
      expect(statusOf(after).phase, `${index}`).toBe("Failure");
    }
    expect(hub.sent("edge1").filter(isTask)).toEqual([]);
  });
});

test("reports of other nodes, other jobs and actions that are none change nothing", async () => {
  await using fleet = await openFleet(["edge1", "edge2"]);
  const { hub, client } = fleet.cloud;
  for (const name of ["edge1", "edge2"]) hub.connect(name);
  await client.create(pulls, pullJob({ nodeNames: ["edge1"] }));
  await hub.untilSent("edge1", isTask);
  const before = await client.get(pulls, { name: "job" });
  const refused = hub.say("edge2", report("imageprepulljob", "edge1", "Pull"));
  expect(String(await refused.catch(String))).toContain("speaks for");
  await hub.say("edge2", report("imageprepulljob", "edge2", "Pull"));
  await hub.say("edge1", report("configupdatejob", "edge1", "Update"));
  await hub.say("edge1", report("imageprepulljob", "edge1", "Upgrade"));
  await hub.say("edge1", report("imageprepulljob", "edge1", "$(id)"));
  await hub.say(
    "edge1",
    report("imageprepulljob", "edge1", "Check", { reason: "x".repeat(5000), extend: "{" }),
  );
  const after = await fleet.cloud.until(
    pulls,
    "job",
    (job) => statusOf(job).nodeStatus?.[0]?.actionFlow?.length === 1,
  );
  expect(before.metadata.uid).toBe(after.metadata.uid!);
  expect(statusOf(after).nodeStatus).toHaveLength(1);
  expect(JSON.stringify(after).length).toBeLessThan(4000);
});

test("a job that means no node, or none that is there, says so", async () => {
  await using fleet = await openFleet(["edge1"]);
  const { client, until } = fleet.cloud;
  await client.create(pulls, pullJob({}, "none"));
  expect(statusOf(await until(pulls, "none", isOver)).reason).toBe("no node is meant by it");
  await client.create(pulls, pullJob({ nodeNames: ["edge9"] }, "away"));
  expect(statusOf(await until(pulls, "away", isOver)).nodeStatus?.[0]?.reason).toBe("there is no such node");
});
