import { describe, expect, test } from "bun:test";
import { overrideImage } from "../../../src/fleet/cloud/groups/image-name.ts";
import type { ImageOverrider, Overriders } from "../../../src/fleet/cloud/groups/kinds.ts";
import { override } from "../../../src/fleet/cloud/groups/overriders.ts";
import { render } from "../../../src/fleet/cloud/groups/render.ts";
import type { KubeObject } from "../../../src/spec/kubernetes/kube.ts";

const digest = `sha256:${"a".repeat(64)}`;

test.each<[string, ImageOverrider["component"], ImageOverrider["operator"], string | undefined, string]>([
  ["nginx", "Registry", "add", "registry.site:5000", "registry.site:5000/nginx"],
  ["nginx:1.2", "Registry", "replace", "registry.site", "registry.site/nginx:1.2"],
  ["docker.io/library/nginx:1.2", "Registry", "replace", "registry.site", "registry.site/library/nginx:1.2"],
  ["localhost/nginx", "Registry", "remove", undefined, "nginx"],
  ["library/nginx", "Registry", "add", "a.b", "a.b/library/nginx"],
  ["a.b/team", "Repository", "add", "/nginx", "a.b/team/nginx"],
  ["a.b:5000/team/nginx:1", "Repository", "replace", "other", "a.b:5000/other:1"],
  ["nginx", "Tag", "add", "1.25", "nginx:1.25"],
  ["nginx:1", "Tag", "add", ".25", "nginx:1.25"],
  ["nginx:1", "Tag", "replace", "2", "nginx:2"],
  ["nginx:1", "Tag", "replace", `@${digest}`, `nginx@${digest}`],
  ["nginx:1", "Tag", "replace", digest, `nginx@${digest}`],
  [`a.b:5000/nginx@${digest}`, "Tag", "replace", "2", "a.b:5000/nginx:2"],
  [`nginx@${digest}`, "Tag", "remove", "ignored", "nginx"],
  ["a.b:5000/nginx", "Tag", "remove", undefined, "a.b:5000/nginx"],
])("image %s: %s %s %s gives %s", (image, component, operator, value, wanted) => {
  expect(overrideImage(image, { component, operator, ...(value === undefined ? {} : { value }) })).toBe(
    wanted,
  );
});

const deployment = () => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web" },
  spec: {
    replicas: 1,
    template: {
      spec: {
        containers: [
          {
            name: "a",
            image: "nginx:1",
            env: [{ name: "A", value: "1" }],
            command: ["run"],
            args: ["-x", "-y"],
          },
          { name: "b", image: "redis:7" },
        ],
      },
    },
  },
});

function overridden(overriders: Overriders) {
  const copy = deployment();
  override(copy, overriders);
  return copy.spec;
}

describe("overriders", () => {
  const first = (overriders: Overriders) => overridden(overriders).template.spec.containers[0];

  test("replicas", () => expect(overridden({ replicas: 3 }).replicas).toBe(3));

  test.each<[Overriders["envOverriders"], object[]]>([
    [
      [{ containerName: "a", operator: "add", value: [{ name: "B", value: "2" }] }],
      [
        { name: "A", value: "1" },
        { name: "B", value: "2" },
      ],
    ],
    [
      [{ containerName: "a", operator: "add", value: [{ name: "A", value: "2" }] }],
      [{ name: "A", value: "2" }],
    ],
    [
      [{ containerName: "a", operator: "replace", value: [{ name: "A", value: "9" }, { name: "C" }] }],
      [{ name: "A", value: "9" }],
    ],
    [[{ containerName: "a", operator: "remove", value: [{ name: "A" }] }], []],
    [[{ containerName: "z", operator: "remove", value: [{ name: "A" }] }], [{ name: "A", value: "1" }]],
  ])("env %#", (envOverriders, wanted) => {
    expect(first({ envOverriders: envOverriders! })?.env).toEqual(wanted as never);
  });

  test("commands and arguments", () => {
    const commandOverriders = [{ containerName: "a", operator: "add", value: ["now"] }] as const;
    const argsOverriders = [{ containerName: "a", operator: "remove", value: ["-x"] }] as const;
    const container = first({ commandOverriders, argsOverriders });
    expect([container?.command, container?.args]).toEqual([["run", "now"], ["-y"]]);
  });

  test("resources", () => {
    const value = { limits: { memory: "64Mi" } };
    expect(first({ resourcesOverriders: [{ containerName: "a", value }] })).toMatchObject({
      resources: value,
    });
  });

  test("an image at one path, or all of them", () => {
    const tag = { component: "Tag", operator: "replace", value: "9" } as const;
    const images = (overriders: Overriders) =>
      overridden(overriders).template.spec.containers.map(({ image }) => image);
    expect(images({ imageOverriders: [tag] })).toEqual(["nginx:9", "redis:9"]);
    const path = "/spec/template/spec/containers/1/image";
    expect(images({ imageOverriders: [{ ...tag, predicate: { path } }] })).toEqual(["nginx:1", "redis:9"]);
  });

  test.each(["/spec/nothing/image", "/__proto__/x", "/spec/template/__proto__/polluted", "", "image"])(
    "a path %p that leads nowhere changes nothing",
    (path) => {
      const tag = { component: "Tag", operator: "replace", value: "9", predicate: { path } } as const;
      expect(overridden({ imageOverriders: [tag] })).toEqual(deployment().spec);
      expect(Object.prototype).not.toHaveProperty("polluted");
    },
  );
});

function application(manifests: unknown[], workloadScope: object): KubeObject {
  return {
    apiVersion: "apps.kubeedge.io/v1alpha1",
    kind: "EdgeApplication",
    metadata: { name: "app", namespace: "default", uid: "u1" },
    spec: { workloadTemplate: { manifests }, workloadScope },
  };
}

describe("an application", () => {
  const scope = {
    targetNodeGroups: [{ name: "north" }, { name: "south", overriders: { replicas: 5 } }],
  };

  test("has a copy of its Deployment for each group, on nodes of the group", () => {
    const { rendered, faults } = render(application([deployment()], scope));
    expect(faults).toEqual([]);
    expect(rendered.map(({ object }) => [object.metadata.name, object["spec"]])).toMatchObject([
      [
        "web-north",
        { replicas: 1, template: { spec: { nodeSelector: { "apps.kubeedge.io/belonging-to": "north" } } } },
      ],
      [
        "web-south",
        { replicas: 5, template: { spec: { nodeSelector: { "apps.kubeedge.io/belonging-to": "south" } } } },
      ],
    ]);
    expect(rendered[0]?.object.metadata).toMatchObject({
      namespace: "default",
      ownerReferences: [{ kind: "EdgeApplication", name: "app", uid: "u1", controller: true }],
    });
  });

  test("has one of everything else, its services told apart by group", () => {
    const service = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web" },
      spec: { ports: [{ port: 80 }] },
    };
    const map = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "web", annotations: { a: "b" } },
      data: { x: "1" },
    };
    const { rendered } = render(application([service, map], scope));
    expect(rendered.map(({ object }) => object)).toMatchObject([
      {
        kind: "Service",
        metadata: { annotations: { "apps.kubeedge.io/service-topology": "range-nodegroup" } },
      },
      { kind: "ConfigMap", metadata: { annotations: { a: "b" } }, data: { x: "1" } },
    ]);
    expect(rendered).toHaveLength(2);
  });

  test("runs on nodes by their labels too, besides what its template asks for", () => {
    const manifest = deployment() as ReturnType<typeof deployment> & { spec: { template: { spec: object } } };
    const present = { nodeSelectorTerms: [{ matchExpressions: [{ key: "a", operator: "Exists" }] }, {}] };
    Object.assign(manifest.spec.template.spec, {
      affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: present } },
    });
    const labelSelector = {
      matchLabels: { site: "x" },
      matchExpressions: [{ key: "gpu", operator: "NotIn", values: ["no"] }],
    };
    const { rendered } = render(application([manifest], { targetNodeLabels: [{ labelSelector }] }));
    expect(rendered[0]?.object.metadata.name).toMatch(/^web-[0-9a-f]{8}$/);
    const [wanted] = labelSelector.matchExpressions;
    expect(rendered[0]?.object["spec"]).toMatchObject({
      template: {
        spec: {
          nodeSelector: { site: "x" },
          affinity: {
            nodeAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: {
                nodeSelectorTerms: [
                  { matchExpressions: [{ key: "a", operator: "Exists" }, wanted] },
                  { matchExpressions: [wanted] },
                ],
              },
            },
          },
        },
      },
    });
  });

  test.each<[string, unknown, string]>([
    [
      "rights",
      { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRoleBinding", metadata: { name: "x" } },
      "may not hold",
    ],
    [
      "a kind called like a method",
      { apiVersion: "v1", kind: "constructor", metadata: { name: "x" } },
      "may not hold",
    ],
    [
      "another namespace",
      { apiVersion: "v1", kind: "Secret", metadata: { name: "x", namespace: "kube-system" } },
      "kube-system",
    ],
    ["no name", { apiVersion: "v1", kind: "Secret", metadata: {} }, "no name"],
    [
      "a name that the server gives",
      { apiVersion: "v1", kind: "Secret", metadata: { name: "x", generateName: "x" } },
      "no name",
    ],
    ["no object", "x", "no object"],
    [
      "a template without a spec",
      { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "x" } },
      "no spec",
    ],
  ])("with %s is refused in that manifest alone", (_, manifest, said) => {
    const { rendered, faults } = render(application([manifest, deployment()], scope));
    expect(faults).toEqual([expect.stringContaining(said)]);
    expect(rendered).toHaveLength(2);
  });

  test("in which two objects have one name is refused", () => {
    const { rendered, faults } = render(application([deployment(), deployment()], scope));
    expect([rendered, faults]).toEqual([[], ["two of its objects are deployments web-north"]]);
  });

  test("does not carry over owners, finalizers and status of a manifest", () => {
    const bad = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: {
        name: "x",
        finalizers: ["a/b"],
        ownerReferences: [{ uid: "z" }],
        uid: "q",
        resourceVersion: "7",
      },
      status: { a: 1 },
    };
    const [one] = render(application([bad], scope)).rendered;
    expect(Object.keys(one?.object.metadata ?? {}).toSorted()).toEqual([
      "labels",
      "name",
      "namespace",
      "ownerReferences",
    ]);
    expect(one?.object).not.toHaveProperty("status");
  });
});
