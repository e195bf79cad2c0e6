/**
 * KubeEdge's two tables, by what they mean: `meta` has what is this node's own, by type; `meta_v2` what pods asked the API for by way of MetaServer, by path of the API. They are kept apart: a pod
 * that is watched on another node is none of this node's, and the end of a watch deletes nothing of it.
 */
export const migrations: readonly string[] = [
  `CREATE TABLE meta (
     key TEXT NOT NULL PRIMARY KEY,
     type TEXT NOT NULL,
     -- '' for objects of the cluster.
     namespace TEXT NOT NULL,
     name TEXT NOT NULL,
     uid TEXT NOT NULL,
     resource_version TEXT NOT NULL,
     -- 1: the edge itself answers for it; the cloud neither replaces nor deletes it.
     own INTEGER NOT NULL,
     -- JSON; sealed bytes of it for secrets and tokens.
     value BLOB NOT NULL
   ) WITHOUT ROWID;
   CREATE INDEX meta_of_type ON meta (type, namespace, name);
   CREATE TABLE meta_v2 (
     -- /<group or core>/<version>/<resource>/<namespace or null>/<name>
     key TEXT NOT NULL PRIMARY KEY,
     -- /<group or core>/<version>/<resource>
     resource TEXT NOT NULL,
     namespace TEXT NOT NULL,
     name TEXT NOT NULL,
     uid TEXT NOT NULL,
     resource_version TEXT NOT NULL,
     value BLOB NOT NULL
   ) WITHOUT ROWID;
   CREATE INDEX meta_v2_of_resource ON meta_v2 (resource, namespace, name);
   -- What tokens were asked for, by a digest of the question: KubeEdge looks for the question among the answers.
   CREATE TABLE token (
     key TEXT NOT NULL PRIMARY KEY,
     namespace TEXT NOT NULL,
     account TEXT NOT NULL,
     -- Of the pod it is bound to; '' for none.
     pod_uid TEXT NOT NULL,
     -- Milliseconds since 1970 by this node's clock: when it came, and when it ends.
     since INTEGER NOT NULL,
     until INTEGER NOT NULL,
     value BLOB NOT NULL
   ) WITHOUT ROWID;
   -- Answers of the API that have no rows of their own: discovery.
   CREATE TABLE document (path TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;`,
];
