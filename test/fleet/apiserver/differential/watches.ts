/** Watches: their events, where they begin, and how they are refused. */
import { a, failure, has, like, type Scenario } from "./_row.ts";

const maps = "/api/v1/namespaces/{ns}/configmaps";
const one = "fieldSelector=metadata.name%3Dw";

export const watches: readonly Scenario[] = [
  {
    name: "watches",
    rows: [
      {
        says: "something to watch",
        ask: `POST ${maps}`,
        body: { metadata: { name: "w", labels: { on: "yes" } }, data: { a: "1" } },
        status: 201,
        keep: { first: "metadata.resourceVersion" },
      },
      {
        says: "it changes",
        ask: `PATCH ${maps}/w`,
        type: "application/merge-patch+json",
        body: { data: { a: "2" } },
        status: 200,
        keep: { second: "metadata.resourceVersion" },
      },
      {
        says: "it leaves a selection",
        ask: `PATCH ${maps}/w`,
        type: "application/merge-patch+json",
        body: { metadata: { labels: { on: null } } },
        status: 200,
        keep: { third: "metadata.resourceVersion" },
      },
      { says: "it goes", ask: `DELETE ${maps}/w`, status: 200 },
      {
        says: "something else stays",
        ask: `POST ${maps}`,
        body: { metadata: { name: "stays" } },
        status: 201,
      },
      {
        says: "from a revision on: what came after it",
        ask: `GET ${maps}?watch=1&timeoutSeconds=1&${one}&resourceVersion={first}`,
        status: 200,
        events: [
          {
            type: "MODIFIED",
            object: { kind: "ConfigMap", metadata: { resourceVersion: "{second}" }, data: { a: "2" } },
          },
          { type: "MODIFIED", object: { metadata: { resourceVersion: "{third}" } } },
          { type: "DELETED", object: { metadata: { name: "w" }, data: { a: "2" } } },
        ],
      },
      {
        says: "what leaves the selection is told as deleted",
        ask: `GET ${maps}?watch=1&timeoutSeconds=1&labelSelector=on%3Dyes&resourceVersion={first}`,
        status: 200,
        events: [
          { type: "MODIFIED", object: { data: { a: "2" } } },
          { type: "DELETED", object: { metadata: { name: "w", resourceVersion: "{third}" } } },
        ],
      },
      {
        says: "from any revision: what is there",
        ask: `GET ${maps}?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dstays&resourceVersion=0`,
        status: 200,
        events: [{ type: "ADDED", object: { metadata: { name: "stays" } } }],
      },
      {
        says: "without a revision: what is there",
        ask: `GET ${maps}?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dstays`,
        status: 200,
        events: [{ type: "ADDED", object: { metadata: { name: "stays" } } }],
      },
      {
        says: "initial events end with a bookmark that says so",
        ask: `GET ${maps}?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dstays&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
        status: 200,
        events: [
          { type: "ADDED", object: { metadata: { name: "stays" } } },
          {
            type: "BOOKMARK",
            object: {
              kind: "ConfigMap",
              metadata: {
                resourceVersion: a("string"),
                annotations: { "k8s.io/initial-events-end": "true" },
              },
            },
          },
        ],
      },
      {
        says: "as tables",
        ask: `GET ${maps}?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dstays&resourceVersion=0`,
        accept: "application/json;as=Table;v=v1;g=meta.k8s.io",
        status: 200,
        events: [
          {
            type: "ADDED",
            object: {
              kind: "Table",
              columnDefinitions: has({ name: "Name" }),
              rows: [{ cells: ["stays", 0, a("string")] }],
            },
          },
        ],
      },
      {
        says: "as metadata",
        ask: `GET ${maps}?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dstays&resourceVersion=0`,
        accept: "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
        status: 200,
        events: [{ type: "ADDED", object: { kind: "PartialObjectMetadata", metadata: { name: "stays" } } }],
      },
      {
        says: "the old way to watch",
        ask: "GET /api/v1/watch/namespaces/{ns}/configmaps/stays?timeoutSeconds=1&resourceVersion=0",
        status: 200,
        events: [{ type: "ADDED", object: { metadata: { name: "stays" } } }],
      },
      {
        says: "initial events without what they need",
        ask: `GET ${maps}?watch=1&sendInitialEvents=true`,
        status: 422,
        shape: failure(
          422,
          "Invalid",
          like("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"),
        ),
      },
      {
        says: "a match without initial events",
        ask: `GET ${maps}?watch=1&resourceVersionMatch=Exact`,
        status: 422,
        shape: failure(422, "Invalid", like("resourceVersionMatch is forbidden for watch")),
      },
      {
        says: "a selector that is none",
        ask: `GET ${maps}?watch=1&timeoutSeconds=1&labelSelector=a+in+b`,
        status: 400,
        shape: failure(400, "BadRequest", like("unable to parse requirement")),
      },
      {
        says: "a time that is none",
        ask: `GET ${maps}?watch=1&timeoutSeconds=soon`,
        status: 400,
        shape: failure(400, "BadRequest"),
      },
    ],
  },
];
