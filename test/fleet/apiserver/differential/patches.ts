/** The four kinds of patch, scale and status. */
import { a, absent, failure, has, like, type Scenario } from "./_row.ts";

const maps = "/api/v1/namespaces/{ns}/configmaps";
const deployments = "/apis/apps/v1/namespaces/{ns}/deployments";
const json = "application/json-patch+json";
const merge = "application/merge-patch+json";
const strategic = "application/strategic-merge-patch+json";
const apply = "application/apply-patch+yaml";

const container = (name: string, image: string) => ({ name, image });
const deployment = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "d" },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: "d" } },
    template: {
      metadata: { labels: { app: "d" } },
      spec: { containers: [container("one", "one:1"), container("two", "two:1")] },
    },
  },
};

export const patches: readonly Scenario[] = [
  {
    name: "patches of a configmap",
    rows: [
      {
        says: "it is made",
        ask: `POST ${maps}`,
        body: { metadata: { name: "p" }, data: { a: "1", b: "2" } },
        status: 201,
      },
      {
        says: "a merge patch sets and takes away",
        ask: `PATCH ${maps}/p`,
        type: merge,
        body: { data: { a: null, c: "3" } },
        status: 200,
        shape: { data: { a: absent, b: "2", c: "3" } },
      },
      {
        says: "a JSON patch",
        ask: `PATCH ${maps}/p`,
        type: json,
        body: [
          { op: "test", path: "/data/b", value: "2" },
          { op: "replace", path: "/data/b", value: "4" },
          { op: "remove", path: "/data/c" },
          { op: "add", path: "/metadata/labels", value: {} },
          { op: "add", path: "/metadata/labels/example.com~1e", value: "5" },
        ],
        status: 200,
        shape: { data: { b: "4", c: absent }, metadata: { labels: { "example.com/e": "5" } } },
      },
      {
        says: "a JSON patch whose test fails",
        ask: `PATCH ${maps}/p`,
        type: json,
        body: [{ op: "test", path: "/data/b", value: "9" }],
        status: 422,
        shape: failure(422, "Invalid"),
      },
      {
        says: "a JSON patch of what is not there",
        ask: `PATCH ${maps}/p`,
        type: json,
        body: [{ op: "remove", path: "/data/none" }],
        status: 422,
        shape: failure(422, "Invalid"),
      },
      {
        says: "a JSON patch that is none",
        ask: `PATCH ${maps}/p`,
        type: json,
        body: { op: "remove" },
        status: 400,
        shape: failure(400, "BadRequest"),
      },
      {
        says: "a patch of another revision",
        ask: `PATCH ${maps}/p`,
        type: merge,
        body: { metadata: { resourceVersion: "1" }, data: { z: "1" } },
        status: 409,
        shape: failure(409, "Conflict"),
      },
      { says: "a patch of what is not there", ask: `PATCH ${maps}/none`, type: merge, body: {}, status: 404 },
      {
        says: "a patch without its type",
        ask: `PATCH ${maps}/p`,
        type: "application/json",
        body: {},
        status: 415,
        shape: failure(
          415,
          "UnsupportedMediaType",
          like("application/json-patch\\+json, application/merge-patch\\+json"),
        ),
      },
      {
        says: "a patch cannot give another name",
        ask: `PATCH ${maps}/p`,
        type: merge,
        body: { metadata: { name: "q" } },
        status: [400, 422],
        shape: { kind: "Status", status: "Failure" },
      },
      {
        says: "force without apply",
        ask: `PATCH ${maps}/p?force=true`,
        type: merge,
        body: {},
        status: 422,
        shape: failure(422, "Invalid", like("force: Forbidden: may not be specified for non-apply patch")),
      },
      {
        says: "a dry patch answers and changes nothing",
        ask: `PATCH ${maps}/p?dryRun=All`,
        type: merge,
        body: { data: { dry: "1" } },
        status: 200,
        shape: { data: { dry: "1" } },
      },
      { says: "as can be seen", ask: `GET ${maps}/p`, status: 200, shape: { data: { dry: absent } } },
    ],
  },
  {
    name: "strategic merge and what a deployment gets",
    rows: [
      {
        says: "a creation fills in what was left out",
        ask: `POST ${deployments}`,
        body: deployment,
        status: 201,
        shape: {
          metadata: { generation: 1 },
          spec: {
            replicas: 0,
            revisionHistoryLimit: 10,
            progressDeadlineSeconds: 600,
            strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } },
            template: {
              spec: {
                restartPolicy: "Always",
                dnsPolicy: "ClusterFirst",
                terminationGracePeriodSeconds: 30,
                containers: [
                  {
                    name: "one",
                    imagePullPolicy: "IfNotPresent",
                    terminationMessagePath: "/dev/termination-log",
                    terminationMessagePolicy: "File",
                  },
                  { name: "two" },
                ],
              },
            },
          },
        },
      },
      {
        says: "what is wrong with another of its name is told first",
        ask: `POST ${deployments}`,
        body: { ...deployment, spec: { ...deployment.spec, replicas: -1 } },
        status: 422,
        shape: failure(422, "Invalid"),
      },
      {
        says: "containers are merged by name",
        ask: `PATCH ${deployments}/d`,
        type: strategic,
        body: { spec: { template: { spec: { containers: [container("two", "two:2")] } } } },
        status: 200,
        shape: {
          metadata: { generation: 2 },
          spec: {
            template: {
              spec: {
                containers: has({ name: "one", image: "one:1" }, { name: "two", image: "two:2" }),
              },
            },
          },
        },
      },
      {
        says: "one is taken away by its name",
        ask: `PATCH ${deployments}/d`,
        type: strategic,
        body: { spec: { template: { spec: { containers: [{ name: "one", $patch: "delete" }] } } } },
        status: 200,
        shape: { spec: { template: { spec: { containers: [{ name: "two", image: "two:2" }] } } } },
      },
      {
        says: "a merge patch replaces the list",
        ask: `PATCH ${deployments}/d`,
        type: merge,
        body: { spec: { template: { spec: { containers: [container("three", "three:1")] } } } },
        status: 200,
        shape: { spec: { template: { spec: { containers: [{ name: "three" }] } } } },
      },
      {
        says: "metadata alone leaves the generation",
        ask: `PATCH ${deployments}/d`,
        type: merge,
        body: { metadata: { labels: { x: "y" } } },
        status: 200,
        shape: { metadata: { generation: 4, labels: { x: "y" } } },
      },
      {
        says: "the selector cannot change",
        ask: `PATCH ${deployments}/d`,
        type: merge,
        body: { spec: { selector: { matchLabels: { app: "e" } } } },
        status: 422,
        shape: failure(422, "Invalid", like("field is immutable")),
      },
      {
        says: "less than nothing cannot be wanted",
        ask: `PATCH ${deployments}/d`,
        type: merge,
        body: { spec: { replicas: -1 } },
        status: 422,
        shape: failure(
          422,
          "Invalid",
          'Deployment.apps "d" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
          {
            name: "d",
            group: "apps",
            kind: "Deployment",
            causes: [
              {
                reason: "FieldValueInvalid",
                message: "Invalid value: -1: must be greater than or equal to 0",
                field: "spec.replicas",
              },
            ],
          },
        ),
      },
      {
        says: "its scale",
        ask: `GET ${deployments}/d/scale`,
        status: 200,
        shape: {
          kind: "Scale",
          apiVersion: "autoscaling/v1",
          metadata: { name: "d" },
          spec: {},
          status: { selector: "app=d" },
        },
      },
      {
        says: "its scale is changed",
        ask: `PATCH ${deployments}/d/scale`,
        type: merge,
        body: { metadata: { name: "d" }, spec: { replicas: 0 } },
        status: 200,
        shape: { kind: "Scale" },
      },
      {
        says: "its status is changed by its own path alone",
        ask: `PATCH ${deployments}/d`,
        type: merge,
        body: { status: { observedGeneration: 99 } },
        status: 200,
      },
      {
        says: "… so that nothing of it is there",
        ask: `GET ${deployments}/d/status`,
        status: 200,
        shape: { kind: "Deployment", metadata: { name: "d" }, status: a("object") },
      },
      {
        says: "the end of it",
        ask: `DELETE ${deployments}/d?propagationPolicy=Background`,
        status: 200,
        shape: { status: "Success" },
      },
    ],
  },
  {
    name: "server-side apply",
    rows: [
      {
        says: "an apply makes what is not there",
        ask: `PATCH ${maps}/s?fieldManager=one`,
        type: apply,
        body: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: s}\ndata: {a: '1', b: '1'}\n",
        status: 201,
        shape: {
          data: { a: "1", b: "1" },
          metadata: {
            managedFields: [
              {
                manager: "one",
                operation: "Apply",
                apiVersion: "v1",
                fieldsType: "FieldsV1",
                fieldsV1: { "f:data": { "f:a": {}, "f:b": {} } },
              },
            ],
          },
        },
      },
      {
        says: "without a manager it is refused",
        ask: `PATCH ${maps}/s`,
        type: apply,
        body: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: s}\n",
        status: 422,
        shape: failure(422, "Invalid", like("fieldManager: Required value: is required for apply patch")),
      },
      {
        says: "another manager's change of the same field is a conflict",
        ask: `PATCH ${maps}/s?fieldManager=two`,
        type: apply,
        body: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: s}\ndata: {a: '2'}\n",
        status: 409,
        shape: failure(409, "Conflict", like('conflict with "one".*\\.data\\.a'), {
          causes: [
            { reason: "FieldManagerConflict", message: like('^conflict with "one"'), field: ".data.a" },
          ],
        }),
      },
      {
        says: "the same value is shared",
        ask: `PATCH ${maps}/s?fieldManager=two`,
        type: apply,
        body: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: s}\ndata: {a: '1'}\n",
        status: 200,
        shape: { metadata: { managedFields: has({ manager: "one" }, { manager: "two" }) } },
      },
      {
        says: "by force it is taken over",
        ask: `PATCH ${maps}/s?fieldManager=two&force=true`,
        type: apply,
        body: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: s}\ndata: {a: '3'}\n",
        status: 200,
        shape: {
          data: { a: "3", b: "1" },
          metadata: {
            managedFields: has(
              { manager: "one", fieldsV1: { "f:data": { "f:a": absent, "f:b": {} } } },
              { manager: "two", fieldsV1: { "f:data": { "f:a": {} } } },
            ),
          },
        },
      },
      {
        says: "what a manager no longer says goes",
        ask: `PATCH ${maps}/s?fieldManager=one`,
        type: apply,
        body: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: s}\n",
        status: 200,
        shape: { data: { a: "3", b: absent } },
      },
      {
        says: "managed fields cannot be applied",
        ask: `PATCH ${maps}/s?fieldManager=one`,
        type: apply,
        body: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: s, managedFields: [{manager: x}]}\n",
        status: 400,
        shape: failure(400, "BadRequest", like("metadata.managedFields must be nil")),
      },
    ],
  },
];
