/**
 * The tables of the database, as numbered migrations: what stands here is never changed once it was released, only added to. The number of those
 * that were applied is `PRAGMA user_version`. Times are milliseconds since 1970.
 *
 * Foreign keys stand only where both rows come and go in one transaction; links between blobs and between snapshots may lead to what is not here yet.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID, STRICT;

  -- Published blobs. The file is content/blobs/<algorithm>/<hex>; damaged is 1 when its bytes were found not to have the digest.
  CREATE TABLE blobs (
    digest TEXT PRIMARY KEY, size INTEGER NOT NULL, created INTEGER NOT NULL,
    verified_epoch INTEGER NOT NULL, damaged INTEGER NOT NULL DEFAULT 0
  ) WITHOUT ROWID, STRICT;
  CREATE TABLE blob_links (parent TEXT NOT NULL, child TEXT NOT NULL, PRIMARY KEY (parent, child)) WITHOUT ROWID, STRICT;
  CREATE TABLE blob_sources (digest TEXT NOT NULL, source TEXT NOT NULL, PRIMARY KEY (digest, source)) WITHOUT ROWID, STRICT;

  -- Image records, by what names point to: a manifest or an index.
  CREATE TABLE images (
    target TEXT PRIMARY KEY, media_type TEXT NOT NULL, size INTEGER NOT NULL, stored INTEGER NOT NULL, sequence INTEGER NOT NULL
  ) WITHOUT ROWID, STRICT;
  -- What was derived from documents, so that lists need no file; layers is a JSON list of {descriptor, diffId, chainId}.
  CREATE TABLE image_platforms (
    target TEXT NOT NULL REFERENCES images (target) ON DELETE CASCADE,
    manifest TEXT NOT NULL, manifest_size INTEGER NOT NULL, manifest_media_type TEXT NOT NULL, config TEXT NOT NULL,
    platform TEXT NOT NULL, created INTEGER, labels TEXT NOT NULL, layers TEXT NOT NULL, content_size INTEGER NOT NULL,
    PRIMARY KEY (target, manifest)
  ) STRICT;
  CREATE INDEX image_platforms_by_config ON image_platforms (config);
  CREATE INDEX image_platforms_by_manifest ON image_platforms (manifest);
  CREATE TABLE names (
    reference TEXT PRIMARY KEY, target TEXT NOT NULL REFERENCES images (target), created INTEGER NOT NULL
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX names_by_target ON names (target);
  CREATE TABLE repo_digests (
    repository TEXT NOT NULL, target TEXT NOT NULL REFERENCES images (target), PRIMARY KEY (repository, target)
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX repo_digests_by_target ON repo_digests (target);

  -- The directory is snapshots/<driver>/<id>; an id never comes again. parent is a key, and may be unpacked later than its child.
  -- remap: JSON of the ids of a user namespace that it was prepared for.
  CREATE TABLE snapshots (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('active', 'view', 'committed')), parent TEXT, driver TEXT NOT NULL,
    bytes INTEGER NOT NULL DEFAULT 0, inodes INTEGER NOT NULL DEFAULT 0, created INTEGER NOT NULL, verified_epoch INTEGER NOT NULL DEFAULT 0,
    remap TEXT, UNIQUE (key, driver)
  ) STRICT;
  CREATE INDEX snapshots_by_parent ON snapshots (parent);

  -- Who works at the moment: a process is its id, its start time, and the boot and namespace in which these mean something.
  CREATE TABLE leases (
    id TEXT PRIMARY KEY, purpose TEXT NOT NULL, pid INTEGER NOT NULL, start_time TEXT NOT NULL, boot_id TEXT NOT NULL,
    namespace TEXT NOT NULL, created INTEGER NOT NULL
  ) WITHOUT ROWID, STRICT;
  CREATE TABLE lease_items (
    lease TEXT NOT NULL REFERENCES leases (id) ON DELETE CASCADE, kind TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (lease, kind, key)
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX lease_items_by_key ON lease_items (key);

  CREATE TABLE containers (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, image TEXT NOT NULL, image_id TEXT NOT NULL,
    target TEXT NOT NULL REFERENCES images (target), manifest TEXT NOT NULL, snapshot TEXT NOT NULL, command TEXT NOT NULL, config TEXT NOT NULL,
    created INTEGER NOT NULL, state TEXT NOT NULL CHECK (state IN ('created', 'running', 'exited')),
    started INTEGER, finished INTEGER, exit_code INTEGER
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX containers_by_target ON containers (target);

  -- Files whose rows are gone already and that a collection has still to remove.
  CREATE TABLE garbage (kind TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID, STRICT;
  `,
  `
  -- The life of containers under monitors. pid and boot are of the last start; health is the JSON of a Health.
  CREATE TABLE containers_with_life (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, image TEXT NOT NULL, image_id TEXT NOT NULL,
    target TEXT NOT NULL REFERENCES images (target), manifest TEXT NOT NULL, snapshot TEXT NOT NULL, command TEXT NOT NULL, config TEXT NOT NULL,
    created INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead')),
    started INTEGER, finished INTEGER, exit_code INTEGER, pid INTEGER, boot TEXT,
    oom_killed INTEGER NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT '', restart_count INTEGER NOT NULL DEFAULT 0,
    stopped_by_user INTEGER NOT NULL DEFAULT 0, health TEXT
  ) WITHOUT ROWID, STRICT;
  INSERT INTO containers_with_life (id, name, image, image_id, target, manifest, snapshot, command, config, created, state, started, finished, exit_code)
    SELECT id, name, image, image_id, target, manifest, snapshot, command, config, created, state, started, finished, exit_code FROM containers;
  DROP TABLE containers;
  ALTER TABLE containers_with_life RENAME TO containers;
  CREATE INDEX containers_by_target ON containers (target);
  `,
  `
  -- Networks (config is JSON), which container belongs where, and what an open sandbox has: addresses, its device inside, ports of the host. No foreign key between
  -- them: a container that stands may outlive its network, and is then refused when it starts.
  CREATE TABLE networks (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, driver TEXT NOT NULL CHECK (driver IN ('bridge', 'host', 'null')),
    device TEXT UNIQUE, created INTEGER NOT NULL, config TEXT NOT NULL
  ) WITHOUT ROWID, STRICT;
  CREATE TABLE network_endpoints (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, network TEXT NOT NULL, container TEXT NOT NULL,
    names TEXT NOT NULL, asked TEXT NOT NULL, mac TEXT, ipv4 TEXT, ipv6 TEXT, device TEXT,
    UNIQUE (network, container), UNIQUE (network, ipv4), UNIQUE (network, ipv6)
  ) STRICT;
  CREATE INDEX network_endpoints_by_container ON network_endpoints (container);
  CREATE TABLE network_sandboxes (
    container TEXT PRIMARY KEY, path TEXT NOT NULL, ports TEXT NOT NULL, dns TEXT NOT NULL
  ) WITHOUT ROWID, STRICT;
  CREATE TABLE network_ports (
    address TEXT NOT NULL, protocol TEXT NOT NULL, port INTEGER NOT NULL, container TEXT NOT NULL, target TEXT NOT NULL, target_port INTEGER NOT NULL,
    PRIMARY KEY (address, protocol, port)
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX network_ports_by_container ON network_ports (container);
  `,
  `
  -- Volumes: labels and options are JSON; project is the id of its quota. Which containers have one in use, and with it what its options mount.
  CREATE TABLE volumes (
    name TEXT PRIMARY KEY, labels TEXT NOT NULL, options TEXT NOT NULL, created INTEGER NOT NULL, anonymous INTEGER NOT NULL, project INTEGER UNIQUE
  ) WITHOUT ROWID, STRICT;
  CREATE TABLE volume_uses (volume TEXT NOT NULL, container TEXT NOT NULL, PRIMARY KEY (volume, container)) WITHOUT ROWID, STRICT;
  `,
  `
  -- Pod sandboxes: request is the JSON of a PodSandboxRequest; one that is not wanted was stopped. Their containers say so in their configuration.
  CREATE TABLE pods (
    id TEXT PRIMARY KEY, namespace TEXT NOT NULL, name TEXT NOT NULL, uid TEXT NOT NULL, attempt INTEGER NOT NULL, request TEXT NOT NULL,
    created INTEGER NOT NULL, wanted INTEGER NOT NULL, UNIQUE (namespace, name, uid, attempt)
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX containers_by_pod ON containers (json_extract(config, '$.pod'));
  `,
  `
  -- What CNI's plug-ins have of a sandbox: config is the network and request the parameters as they were at ADD, result is what the last of them answered; all JSON. Without a result ADD was cut off.
  CREATE TABLE cni_attachments (
    sandbox TEXT PRIMARY KEY, network TEXT NOT NULL, config TEXT NOT NULL, request TEXT NOT NULL, result TEXT
  ) WITHOUT ROWID, STRICT;
  `,
];
