/**
 * A session with the real kubectl, step by step: what it prints and how it exits. Debian's is 1.20; whatever else `kubectl` on PATH is does as well. Words that differ between
 * versions are not looked at.
 */
import { afterAll, beforeAll, expect } from "bun:test";
import { needing, obstacle } from "../../needs.ts";
import { startNode } from "./_node.ts";
import { openCluster, type Cluster } from "./_server.ts";

const needs = { programs: ["kubectl"] };
const { test } = needing(needs);
const able = obstacle(needs) === undefined;

let cluster: Cluster;
let node: AsyncDisposable;

beforeAll(async () => {
  if (!able) return;
  cluster = await openCluster();
  node = await startNode(cluster.server.client, "edge-1");
});

afterAll(async () => {
  if (!able) return;
  await node[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs kubectl as the administrator. */
async function kubectl(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const child = Bun.spawn(["kubectl", ...args], {
    env: { ...process.env, KUBECONFIG: cluster.kubeconfig, HOME: cluster.folder, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 50_000,
  });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { code, out, err };
}

/** A step that must do well; `args` are separated by blanks. */
async function well(args: string, wanted: RegExp = /^/, env: Record<string, string> = {}): Promise<string> {
  const ended = await kubectl(args.split(" "), env);
  expect(ended, `kubectl ${args}\n${ended.out}\n${ended.err}`).toMatchObject({ code: 0 });
  expect(ended.out, `kubectl ${args}`).toMatch(wanted);
  return ended.out;
}

async function ill(args: string, wanted: RegExp): Promise<void> {
  const ended = await kubectl(args.split(" "));
  expect(ended.code, `kubectl ${args}\n${ended.out}`).not.toBe(0);
  expect(ended.err + ended.out, `kubectl ${args}`).toMatch(wanted);
}

const deployment = (image: string) => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: ${image}
        ports: [{containerPort: 80, name: http}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
`;

const settings = (value: string) => `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {color: ${value}}
`;

test("what is served is listed: api-resources, api-versions, version, explain", async () => {
  const resources = await well("api-resources", /^deployments +deploy +apps\/v1 +true +Deployment$/m);
  for (const name of ["pods", "configmaps", "customresourcedefinitions", "leases", "jobs"])
    expect(resources).toMatch(new RegExp(`^${name} `, "m"));
  await well("api-versions", /^apps\/v1$/m);
  await well("version", /v1\.33\.0\+sampan/);
  await well("explain deployment.spec.replicas", /replicas/);
  await well("explain pod.spec.containers", /imagePullPolicy/);
  await well("get --raw /readyz?verbose", /readyz check passed/);
});

test("objects are created, described and read in every form", async () => {
  await well("create configmap c --from-literal=a=1 --from-literal=b=2", /configmap\/c created/);
  await ill("create configmap c --from-literal=a=1", /configmaps "c" already exists/);
  await well("create secret generic s --from-literal=password=hidden", /created/);
  await well("create namespace other", /created/);
  await well("get configmap c", /^NAME +DATA +AGE\nc +2 +/);
  await well("get configmap c -o json", /"a": "1"/);
  await well("get configmap c -o yaml", /\n {2}a: "1"/);
  await well("get configmap c -o jsonpath={.data.a}", /^1$/);
  await well("get configmap c -o custom-columns=N:.metadata.name,B:.data.b", /^N +B\nc +2\n/);
  await well("get configmap c -o name", /^configmap\/c$/m);
  await well("describe configmap c", /a:\n----\n1/);
  await well("describe secret s", /password: +6 bytes/);
  await well("get namespaces", /kube-system +Active/);
  await well("get configmaps --all-namespaces", /default +c /);
  await well("get configmaps -l none=such", /^$/);
  await ill("get configmap none", /configmaps "none" not found/);
  await ill("get nonsense", /doesn't have a resource type "nonsense"/);
});

test("apply: created, changed, the same; what is out of the file goes", async () => {
  const file = cluster.write("settings.yaml", settings("red"));
  await well(`apply --dry-run=server -f ${file}`, /configmap\/settings created \(server dry run\)/);
  await ill("get configmap settings", /not found/);
  await well(`apply -f ${file}`, /configmap\/settings created/);
  await well(`apply -f ${file}`, /configmap\/settings unchanged/);
  cluster.write(
    "settings.yaml",
    `${settings("blue")}  extra: ""\n`.replace("data: {color: blue}\n", "data:\n  color: blue\n"),
  );
  const difference = await kubectl(["diff", "-f", file]);
  expect(difference.code).toBe(1);
  expect(difference.out).toMatch(/-  color: red\n\+  color: blue/);
  await well(`apply -f ${file}`, /configmap\/settings configured/);
  await well("get configmap settings -o jsonpath={.data.color}", /^blue$/);
  cluster.write("settings.yaml", settings("blue"));
  await well(`apply -f ${file}`, /configured/);
  expect(await well("get configmap settings -o json")).not.toContain('extra": ""');
});

test("server-side apply: a field of two managers is a conflict until it is forced", async () => {
  const file = cluster.write("shared.yaml", settings("red").replace("settings", "shared"));
  await well(`apply --server-side --field-manager=one -f ${file}`, /configmap\/shared serverside-applied/);
  cluster.write("shared.yaml", settings("blue").replace("settings", "shared"));
  await ill(`apply --server-side --field-manager=two -f ${file}`, /conflict with "one".*\n?.*color/s);
  await well(`apply --server-side --field-manager=two --force-conflicts -f ${file}`, /serverside-applied/);
  await well("get configmap shared -o jsonpath={.metadata.managedFields[*].manager}", /two/);
});

test("edit, label, annotate and the three patches", async () => {
  await well("create configmap p --from-literal=a=1");
  const editor = cluster.write("editor.mjs", "");
  cluster.write(
    "editor.mjs",
    `import fs from "node:fs"; const f = process.argv.at(-1); fs.writeFileSync(f, fs.readFileSync(f, "utf8").replace('a: "1"', 'a: "2"'));`,
  );
  await well("edit configmap p", /configmap\/p edited/, {
    EDITOR: `node ${editor}`,
    KUBE_EDITOR: `node ${editor}`,
  });
  await well("get configmap p -o jsonpath={.data.a}", /^2$/);
  await well("label configmap p tier=back", /labeled/);
  await ill("label configmap p tier=front", /already has a value/);
  await well("label configmap p tier=front --overwrite", /labeled/);
  await well("label configmap p tier-", /configmap\/p (?:un)?labeled/);
  await well("annotate configmap p note=yes", /annotated/);
  await well(`patch configmap p --type=merge -p {"data":{"b":"x","a":null}}`, /patched/);
  await well(`patch configmap p --type=strategic -p {"data":{"c":"y"}}`, /patched/);
  await well(`patch configmap p --type=json -p [{"op":"add","path":"/data/d","value":"z"}]`, /patched/);
  await well("get configmap p -o jsonpath={.data}", /^\{"b":"x","c":"y","d":"z"\}$/);
  await ill(`patch configmap p --type=json -p [{"op":"test","path":"/data/d","value":"no"}]`, /./);
});

test("a deployment: applied, rolled out, scaled, changed, undone", async () => {
  const file = cluster.write("web.yaml", deployment("web:1"));
  await well(`apply -f ${file}`, /deployment\.apps\/web created\nservice\/web created/);
  await well("rollout status deployment/web --timeout=40s", /successfully rolled out/);
  await well("get pods -l app=web -o wide", /edge-1/);
  await well("get deployment web", /web +2\/2 +2 +2 /);
  await well("describe deployment web", /2 available/);
  await well("get all", /replicaset\.apps\/web-/);
  await well("scale deployment web --replicas=3", /scaled/);
  await well("wait --for=condition=Available deployment/web --timeout=40s", /condition met/);
  await well("set image deployment/web web=web:2", /image updated/);
  await well("rollout status deployment/web --timeout=40s", /successfully rolled out/);
  await well("rollout history deployment/web", /\n1 .*\n2 /);
  await well("rollout undo deployment/web", /rolled back/);
  await well("rollout status deployment/web --timeout=40s", /successfully rolled out/);
  await well("get deployment web -o jsonpath={.spec.template.spec.containers[0].image}", /^web:1$/);
  await well("get events", /ScalingReplicaSet/);
  const [pod = ""] = (await well("get pods -l app=web -o name")).split("\n");
  await well(`describe ${pod}`, /Node: +edge-1\//);
  await ill(`logs ${pod}`, /no tunnel/);
  await well(`delete -f ${file}`, /deployment\.apps "web" deleted/);
});

test("a daemon set: rolled out, changed, its history, undone", async () => {
  const containers = "containers: [{name: agent, image: IMAGE, ports: [{containerPort: 80}]}]";
  const daemonSet = (image: string) => `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, annotations: {kubernetes.io/change-cause: "to ${image}"}}
spec:
  selector: {matchLabels: {app: agent}}
  template: {metadata: {labels: {app: agent}}, spec: {${containers.replace("IMAGE", image)}}}
`;
  const file = cluster.write("agent.yaml", daemonSet("agent:1"));
  await well(`apply -f ${file}`, /daemonset\.apps\/agent created/);
  await well("rollout status daemonset/agent --timeout=40s", /successfully rolled out/);
  await well("rollout undo daemonset/agent --to-revision=1", /skipped rollback/);
  cluster.write("agent.yaml", daemonSet("agent:2"));
  await well(`apply -f ${file}`, /configured/);
  await well("rollout status daemonset/agent --timeout=40s", /successfully rolled out/);
  await well("rollout history daemonset/agent", /\n1 +to agent:1\n2 +to agent:2\n/);
  await well("rollout history daemonset/agent --revision=1", /Image:\s+agent:1\n/);
  await well("rollout history daemonset/agent --revision=2", /Image:\s+agent:2\n/);
  await well("get controllerrevisions", /daemonset\.apps\/agent +2 /);
  await well("rollout undo daemonset/agent", /rolled back/);
  await well("rollout status daemonset/agent --timeout=40s", /successfully rolled out/);
  await well("get daemonset agent -o jsonpath={.spec.template.spec.containers[0].image}", /^agent:1$/);
  await well("get pods -l app=agent -o jsonpath={..image}", /agent:1/);
  await well("rollout history daemonset/agent", /\n2 +to agent:2\n3 +to agent:1\n/);
  await well(`delete -f ${file}`, /daemonset\.apps "agent" deleted/);
});

test("mistakes are told as the real server tells them", async () => {
  const bad = deployment("web:1").replace("replicas: 2", "replicas: -1").replaceAll("name: web", "name: ill");
  const file = cluster.write("bad.yaml", bad);
  await ill(
    `create -f ${file}`,
    /Deployment.* "ill" is invalid: spec\.replicas: Invalid value: -1: must be greater than or equal to 0/,
  );
  const unknown = settings("red").replace("\ndata:", "\nnonsense: 1\ndata:");
  await ill(`create -f ${cluster.write("unknown.yaml", unknown)}`, /unknown field "?\.?nonsense"?/);
  await ill("create namespace UPPER", /Invalid value: "UPPER"/);
  await ill("delete namespace default", /forbidden/i);
});

test("who may do what", async () => {
  await well("auth can-i delete pods", /^yes$/m);
  await ill("auth can-i list pods --as=bob", /no/);
  await well("create role reader --verb=get,list --resource=pods");
  await well("create rolebinding bob --role=reader --user=bob");
  await well("auth can-i list pods --as=bob", /^yes$/m);
  await ill(
    "get pods -n kube-system --as=bob",
    /pods is forbidden: User "bob" cannot list resource "pods" in API group "" in the namespace "kube-system"/,
  );
  await well("auth can-i --list --as=bob", /pods/);
});

test("a watch prints what changes", async () => {
  const child = Bun.spawn(["kubectl", "get", "configmaps", "--watch-only", "-o", "name"], {
    env: { ...process.env, KUBECONFIG: cluster.kubeconfig, HOME: cluster.folder },
    stdout: "pipe",
    stderr: "ignore",
    timeout: 50_000,
  });
  let made = 0;
  const make = async () => {
    made += 1;
    await cluster.server.client.create(
      { group: "", version: "v1", resource: "configmaps" },
      { apiVersion: "v1", kind: "ConfigMap", metadata: { name: `watched-${made}`, namespace: "default" } },
    );
  };
  // Nobody knows when the watch began: something is made until it is seen.
  const timer = setInterval(() => void make(), 200);
  let seen = "";
  for await (const chunk of child.stdout) {
    seen += Buffer.from(chunk).toString();
    if (seen.includes("configmap/watched-")) break;
  }
  clearInterval(timer);
  child.kill();
  await child.exited;
  expect(seen).toContain("configmap/watched-");
});

test("a namespace goes with what is in it", async () => {
  await well("create namespace gone");
  await well("create configmap inside --from-literal=a=1 -n gone");
  await well("delete namespace gone --timeout=50s", /namespace "gone" deleted/);
  await ill("get configmap inside -n gone", /not found/);
});
