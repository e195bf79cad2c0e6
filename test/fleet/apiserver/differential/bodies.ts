/** Bodies, forms of answers, and paths. */
import { a, absent, failure, has, like, type Scenario } from "./_row.ts";

const maps = "/api/v1/namespaces/{ns}/configmaps";
const table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
const partial = (kind: string) => `application/json;as=${kind};v=v1;g=meta.k8s.io,application/json`;

export const bodies: readonly Scenario[] = [
  {
    name: "bodies",
    rows: [
      { says: "no JSON", ask: `POST ${maps}`, body: "{", status: 400, shape: failure(400, "BadRequest") },
      {
        says: "nothing",
        ask: `POST ${maps}`,
        body: "",
        type: "application/json",
        status: 400,
        shape: failure(400, "BadRequest"),
      },
      {
        says: "another kind",
        ask: `POST ${maps}`,
        body: { apiVersion: "v1", kind: "Secret", metadata: { name: "a" } },
        status: 400,
        shape: failure(400, "BadRequest", like('Secret in version "v1" cannot be handled as a ConfigMap')),
      },
      {
        says: "another version",
        ask: "POST /apis/apps/v1/namespaces/{ns}/deployments",
        body: { apiVersion: "v1", kind: "Deployment", metadata: { name: "a" } },
        status: 400,
        shape: failure(
          400,
          "BadRequest",
          like("the API version in the data \\(v1\\) does not match the expected API version \\(apps/v1\\)"),
        ),
      },
      {
        says: "a field of the wrong type",
        ask: `POST ${maps}`,
        body: { apiVersion: "v1", kind: "ConfigMap", metadata: { name: 5 } },
        status: 400,
        shape: failure(400, "BadRequest", like("cannot be handled as a ConfigMap")),
      },
      {
        says: "YAML is taken",
        ask: `POST ${maps}`,
        type: "application/yaml",
        body: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: yaml\ndata:\n  a: b\n",
        status: 201,
        shape: { metadata: { name: "yaml" }, data: { a: "b" } },
      },
      {
        says: "an unknown type of media",
        ask: `POST ${maps}`,
        type: "text/plain",
        body: "hello",
        status: 415,
        shape: failure(415, "UnsupportedMediaType", like("the body of the request was in an unknown format")),
      },
      {
        says: "more than the server takes",
        ask: `POST ${maps}`,
        body: `{"kind":"ConfigMap","data":{"a":"${"x".repeat((3 << 20) + 10)}"}}`,
        status: 413,
        shape: failure(413, "RequestEntityTooLarge", like("limit is 3145728")),
      },
    ],
  },
  {
    name: "forms of answers",
    rows: [
      {
        says: "an object to look at",
        ask: `POST ${maps}`,
        body: { metadata: { name: "a" }, data: { x: "1" } },
        status: 201,
        shape: { kind: "ConfigMap", apiVersion: "v1" },
      },
      {
        says: "YAML",
        ask: `GET ${maps}/a`,
        accept: "application/yaml",
        status: 200,
        text: "^apiVersion: v1\\n[^]*kind: ConfigMap\\n",
        answers: { "content-type": "^application/yaml" },
      },
      {
        says: "protobuf alone, of a server that has none, or has",
        ask: `GET ${maps}/a`,
        accept: "application/vnd.kubernetes.protobuf",
        status: [200, 406],
      },
      {
        says: "protobuf or JSON",
        ask: `GET ${maps}/a`,
        accept: "application/vnd.kubernetes.protobuf;q=0.1,application/json",
        status: 200,
        shape: { kind: "ConfigMap" },
      },
      {
        says: "what nobody has",
        ask: `GET ${maps}/a`,
        accept: "text/html",
        status: 406,
        shape: failure(
          406,
          "NotAcceptable",
          like("only the following media types are accepted: application/json"),
        ),
      },
      {
        says: "a table of one",
        ask: `GET ${maps}/a`,
        accept: table,
        status: 200,
        shape: {
          kind: "Table",
          apiVersion: "meta.k8s.io/v1",
          columnDefinitions: [
            { name: "Name", type: "string", priority: 0 },
            { name: "Data", priority: 0 },
            { name: "Age", priority: 0 },
          ],
          rows: [
            {
              cells: ["a", 1, a("string")],
              object: {
                kind: "PartialObjectMetadata",
                apiVersion: "meta.k8s.io/v1",
                metadata: { name: "a" },
              },
            },
          ],
        },
      },
      {
        says: "a table of a list, with whole objects",
        ask: `GET ${maps}?includeObject=Object&fieldSelector=metadata.name%3Da`,
        accept: table,
        status: 200,
        shape: {
          kind: "Table",
          metadata: { resourceVersion: a("string") },
          rows: [{ object: { kind: "ConfigMap", data: { x: "1" } } }],
        },
      },
      {
        says: "a table without objects",
        ask: `GET ${maps}?includeObject=None&fieldSelector=metadata.name%3Da`,
        accept: table,
        status: 200,
        shape: { rows: [{ cells: ["a", 1, a("string")] }] },
      },
      {
        says: "metadata alone of one",
        ask: `GET ${maps}/a`,
        accept: partial("PartialObjectMetadata"),
        status: 200,
        shape: { kind: "PartialObjectMetadata", metadata: { name: "a" }, data: absent },
      },
      {
        says: "metadata alone of a list",
        ask: `GET ${maps}?fieldSelector=metadata.name%3Da`,
        accept: partial("PartialObjectMetadataList"),
        status: 200,
        shape: { kind: "PartialObjectMetadataList", items: [{ metadata: { name: "a" } }] },
      },
      {
        says: "the columns of deployments",
        ask: "GET /apis/apps/v1/namespaces/{ns}/deployments",
        accept: table,
        status: 200,
        shape: {
          columnDefinitions: [
            { name: "Name", priority: 0 },
            { name: "Ready", priority: 0 },
            { name: "Up-to-date", priority: 0 },
            { name: "Available", priority: 0 },
            { name: "Age", priority: 0 },
            { name: "Containers", priority: 1 },
            { name: "Images", priority: 1 },
            { name: "Selector", priority: 1 },
          ],
        },
      },
      {
        says: "the columns of pods begin with what kubectl shows",
        ask: "GET /api/v1/namespaces/{ns}/pods",
        accept: table,
        status: 200,
        shape: {
          columnDefinitions: has(
            { name: "Ready", priority: 0 },
            { name: "Status", priority: 0 },
            { name: "Restarts", priority: 0 },
            { name: "IP", priority: 1 },
            { name: "Node", priority: 1 },
          ),
        },
      },
    ],
  },
  {
    name: "paths",
    rows: [
      { says: "a group that is not there", ask: "GET /apis/nothing.example.com/v1/things", status: 404 },
      { says: "a resource that is not there", ask: "GET /api/v1/namespaces/{ns}/things", status: 404 },
      { says: "a subresource that is not there", ask: `GET ${maps}/a/status`, status: 404 },
      { says: "a path that is not there", ask: "GET /nothing", status: 404 },
      {
        says: "a creation over all namespaces",
        ask: "POST /api/v1/configmaps",
        body: { metadata: { name: "a" } },
        status: 405,
      },
      { says: "a deletion of all namespaces at once", ask: "DELETE /api/v1/namespaces", status: 405 },
      {
        says: "a patch of a list",
        ask: `PATCH ${maps}`,
        type: "application/merge-patch+json",
        body: {},
        status: 405,
      },
      {
        says: "what is of the cluster is not within a namespace",
        ask: "GET /api/v1/namespaces/{ns}/nodes",
        status: 404,
      },
    ],
  },
];
