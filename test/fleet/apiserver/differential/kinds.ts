/** What is particular to kinds: defaults, validation, and custom resources. */
import { a, absent, failure, has, like, type Scenario } from "./_row.ts";

const pods = "/api/v1/namespaces/{ns}/pods";
const pod = (name: string, container: object = {}, spec: object = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name },
  spec: {
    automountServiceAccountToken: false,
    nodeSelector: { nowhere: "{ns}" },
    containers: [{ name: "c", image: "nothing:1", ...container }],
    ...spec,
  },
});

const definition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "widgets.{ns}.example.com" },
  spec: {
    group: "{ns}.example.com",
    scope: "Namespaced",
    names: { plural: "widgets", singular: "widget", kind: "Widget", shortNames: ["wd"] },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        subresources: {
          status: {},
          scale: { specReplicasPath: ".spec.size", statusReplicasPath: ".status.size" },
        },
        additionalPrinterColumns: [{ name: "Size", type: "integer", jsonPath: ".spec.size" }],
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: {
              spec: {
                type: "object",
                required: ["size"],
                properties: {
                  size: { type: "integer", minimum: 1, maximum: 9 },
                  color: { type: "string", enum: ["red", "blue"], default: "red" },
                },
              },
              status: { type: "object", properties: { size: { type: "integer" } } },
            },
          },
        },
      },
    ],
  },
};

const widgets = "/apis/{ns}.example.com/v1/namespaces/{ns}/widgets";
const widget = (spec: object) => ({
  apiVersion: "{ns}.example.com/v1",
  kind: "Widget",
  metadata: { name: "w" },
  spec,
});

export const kinds: readonly Scenario[] = [
  {
    name: "pods",
    rows: [
      {
        says: "the account of pods that name none",
        ask: "POST /api/v1/namespaces/{ns}/serviceaccounts",
        body: { metadata: { name: "default" } },
        status: [201, 409],
      },
      {
        says: "a pod gets what it left out",
        ask: `POST ${pods}`,
        body: pod("p"),
        status: 201,
        shape: {
          spec: {
            restartPolicy: "Always",
            dnsPolicy: "ClusterFirst",
            schedulerName: "default-scheduler",
            serviceAccountName: "default",
            enableServiceLinks: true,
            terminationGracePeriodSeconds: 30,
            containers: [{ imagePullPolicy: "IfNotPresent", terminationMessagePolicy: "File" }],
            tolerations: has({
              key: "node.kubernetes.io/not-ready",
              operator: "Exists",
              effect: "NoExecute",
              tolerationSeconds: 300,
            }),
          },
          status: { phase: "Pending", qosClass: "BestEffort" },
        },
      },
      {
        says: "without containers",
        ask: `POST ${pods}`,
        body: pod("q", {}, { containers: [] }),
        status: 422,
        shape: failure(422, "Invalid", 'Pod "q" is invalid: spec.containers: Required value'),
      },
      {
        says: "without a name for its container",
        ask: `POST ${pods}`,
        body: pod("q", { name: undefined }),
        status: 422,
        shape: failure(422, "Invalid", like("spec\\.containers\\[0\\]\\.name: Required value")),
      },
      {
        says: "two containers of a name",
        ask: `POST ${pods}`,
        body: pod(
          "q",
          {},
          {
            containers: [
              { name: "c", image: "a" },
              { name: "c", image: "b" },
            ],
          },
        ),
        status: 422,
        shape: failure(422, "Invalid", like('spec\\.containers\\[1\\]\\.name: Duplicate value: "c"')),
      },
      {
        says: "a quantity that is none",
        ask: `POST ${pods}`,
        body: pod("q", { resources: { requests: { cpu: "much" } } }),
        status: [400, 422],
        shape: { kind: "Status", status: "Failure" },
      },
      {
        says: "more wanted than allowed",
        ask: `POST ${pods}`,
        body: pod("q", { resources: { requests: { cpu: "2" }, limits: { cpu: "1" } } }),
        status: 422,
        shape: failure(
          422,
          "Invalid",
          like(
            'spec\\.containers\\[0\\]\\.resources\\.requests: Invalid value: "2": must be less than or equal to cpu limit',
          ),
        ),
      },
      {
        says: "a policy that is none",
        ask: `POST ${pods}`,
        body: pod("q", {}, { restartPolicy: "Sometimes" }),
        status: 422,
        shape: failure(422, "Invalid", like('spec\\.restartPolicy: Unsupported value: "Sometimes"')),
      },
      {
        says: "most of a pod cannot change",
        ask: `PATCH ${pods}/p`,
        type: "application/merge-patch+json",
        body: { spec: { nodeSelector: { other: "yes" } } },
        status: 422,
        shape: failure(422, "Invalid", like("pod updates may not change fields other than")),
      },
      {
        says: "by the phase of pods",
        ask: `GET ${pods}?fieldSelector=status.phase%3DPending,spec.nodeName%3D`,
        status: 200,
        shape: { items: [{ metadata: { name: "p" } }] },
      },
      {
        says: "a pod that nobody runs goes at once",
        ask: `DELETE ${pods}/p?gracePeriodSeconds=0`,
        status: 200,
        shape: { kind: "Pod", metadata: { name: "p" } },
      },
    ],
  },
  {
    name: "services and secrets",
    rows: [
      {
        says: "a service gets an address",
        ask: "POST /api/v1/namespaces/{ns}/services",
        body: { metadata: { name: "s" }, spec: { ports: [{ port: 80 }], selector: { a: "b" } } },
        status: 201,
        shape: {
          spec: {
            type: "ClusterIP",
            clusterIP: like("^[0-9a-f.:]+$"),
            ports: [{ port: 80, protocol: "TCP", targetPort: 80 }],
            sessionAffinity: "None",
          },
        },
      },
      {
        says: "without ports",
        ask: "POST /api/v1/namespaces/{ns}/services",
        body: { metadata: { name: "t" }, spec: { selector: { a: "b" } } },
        status: 422,
        shape: failure(422, "Invalid", 'Service "t" is invalid: spec.ports: Required value'),
      },
      {
        says: "a secret's texts become data",
        ask: "POST /api/v1/namespaces/{ns}/secrets",
        body: { metadata: { name: "s" }, stringData: { a: "b" } },
        status: 201,
        shape: { type: "Opaque", data: { a: "Yg==" }, stringData: absent },
      },
      {
        says: "a secret's type cannot change",
        ask: "PATCH /api/v1/namespaces/{ns}/secrets/s",
        type: "application/merge-patch+json",
        body: { type: "other" },
        status: 422,
        shape: failure(422, "Invalid", like("type: Invalid value: .*field is immutable")),
      },
      {
        says: "a configmap's key that is none",
        ask: "POST /api/v1/namespaces/{ns}/configmaps",
        body: { metadata: { name: "k" }, data: { "a b": "" } },
        status: 422,
        shape: failure(422, "Invalid", like("data\\[a b\\]: Invalid value")),
      },
    ],
  },
  {
    name: "custom resources",
    rows: [
      {
        says: "a definition",
        ask: "POST /apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        body: definition,
        status: 201,
        shape: { spec: { names: { listKind: "WidgetList" } } },
      },
      {
        says: "is accepted and established in a moment",
        ask: "GET /apis/apiextensions.k8s.io/v1/customresourcedefinitions?watch=1&timeoutSeconds=2&resourceVersion=0&fieldSelector=metadata.name%3Dwidgets.{ns}.example.com",
        status: 200,
        text: '"type":"Established","?[^}]*"status":"True"|"status":"True"[^}]*"type":"Established"',
      },
      {
        says: "then its kind is served",
        ask: "GET /apis/{ns}.example.com/v1",
        status: 200,
        shape: {
          resources: has(
            { name: "widgets", shortNames: ["wd"], kind: "Widget" },
            { name: "widgets/status" },
            { name: "widgets/scale" },
          ),
        },
      },
      {
        says: "an object gets its defaults and loses what is not known",
        ask: `POST ${widgets}`,
        body: widget({ size: 3, other: 1 }),
        status: 201,
        shape: { spec: { size: 3, color: "red", other: absent }, metadata: { generation: 1 } },
      },
      {
        says: "one that breaks the schema",
        ask: `POST ${widgets}`,
        body: { ...widget({ size: 99, color: "green" }), metadata: { name: "x" } },
        status: 422,
        shape: failure(422, "Invalid", like("spec\\.color: Unsupported value"), {
          kind: "Widget",
          causes: has({ field: "spec.size" }, { field: "spec.color" }),
        }),
      },
      {
        says: "one without what is required",
        ask: `POST ${widgets}`,
        body: { ...widget({}), metadata: { name: "x" } },
        status: 422,
        shape: failure(422, "Invalid", like("spec\\.size: Required value")),
      },
      {
        says: "one with a wrong type",
        ask: `POST ${widgets}`,
        body: { ...widget({ size: "three" }), metadata: { name: "x" } },
        status: 422,
        shape: failure(
          422,
          "Invalid",
          like('spec\\.size: Invalid value: "string": spec\\.size in body must be of type integer'),
        ),
      },
      {
        says: "its columns",
        ask: `GET ${widgets}`,
        accept: "application/json;as=Table;v=v1;g=meta.k8s.io",
        status: 200,
        shape: { columnDefinitions: [{ name: "Name" }, { name: "Size" }], rows: [{ cells: ["w", 3] }] },
      },
      {
        says: "its scale",
        ask: `GET ${widgets}/w/scale`,
        status: 200,
        shape: { kind: "Scale", spec: { replicas: 3 } },
      },
      {
        says: "its status by its own path",
        ask: `PATCH ${widgets}/w/status`,
        type: "application/merge-patch+json",
        body: { status: { size: 2 }, spec: { size: 9 } },
        status: 200,
        shape: { spec: { size: 3 }, status: { size: 2 }, metadata: { generation: 1 } },
      },
      {
        says: "no strategic merge",
        ask: `PATCH ${widgets}/w`,
        type: "application/strategic-merge-patch+json",
        body: {},
        status: 415,
        shape: failure(415, "UnsupportedMediaType"),
      },
      {
        says: "the definition goes",
        ask: "DELETE /apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{ns}.example.com",
        status: 200,
        shape: { kind: a("string") },
      },
      {
        says: "a definition whose name is not its own",
        ask: "POST /apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        body: { ...definition, metadata: { name: "wrong.example.com" } },
        status: 422,
        shape: failure(422, "Invalid", like("metadata\\.name: Invalid value")),
      },
    ],
  },
];
