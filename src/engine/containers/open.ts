/** Containers as rows. */
import { SampanError, invalid } from "../../base/errors.ts";
import type { Digest } from "../../spec/image/digest.ts";
import type { Store } from "../store/store.ts";
import type { ContainerInfo, Containers } from "./containers.ts";
import type { Health } from "./life.ts";
import type { StoredContainer } from "./request.ts";

interface Row {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly image_id: string;
  readonly manifest: string;
  readonly snapshot: string;
  readonly command: string;
  readonly created: number;
  readonly state: ContainerInfo["state"];
  readonly started: number | null;
  readonly finished: number | null;
  readonly exit_code: number | null;
  readonly pid: number | null;
  readonly oom_killed: number;
  readonly error: string;
  readonly restart_count: number;
  readonly stopped_by_user: number;
  readonly health: string | null;
  readonly config: string;
}

const columns =
  "id, name, image, image_id, manifest, snapshot, command, created, state, started, finished, exit_code, pid, oom_killed, error, restart_count, stopped_by_user, health, config";

export function openContainers(store: Store): Containers {
  return {
    list: () =>
      store.db
        .query<Row, []>(`SELECT ${columns} FROM containers ORDER BY created DESC, id`)
        .all()
        .map(infoOf),
    get: (reference) => infoOf(find(store, reference)),
  };
}

function find(store: Store, reference: string): Row {
  const exact = store.db
    .query<Row, [string, string]>(`SELECT ${columns} FROM containers WHERE name = ? OR id = ?`)
    .get(reference, reference);
  if (exact) return exact;
  const rows = /^[0-9a-f]{1,64}$/.test(reference)
    ? store.db
        .query<Row, [string]>(`SELECT ${columns} FROM containers WHERE id GLOB ? LIMIT 2`)
        .all(`${reference}*`)
    : [];
  const [row] = rows;
  if (!row) throw new SampanError("not_found", `cannot find container "${reference}": No such container`);
  if (rows.length > 1)
    throw invalid(`cannot find container "${reference}": the ids of several begin with it`);
  return row;
}

function infoOf(row: Row): ContainerInfo {
  const { body, image: imageConfig, volumes, pod, extras = {} } = JSON.parse(row.config) as StoredContainer;
  return {
    id: row.id,
    name: row.name,
    image: row.image,
    imageId: row.image_id as Digest,
    manifest: row.manifest as Digest,
    snapshot: row.snapshot,
    command: JSON.parse(row.command) as string[],
    created: new Date(row.created),
    state: row.state,
    started: timeOf(row.started),
    finished: timeOf(row.finished),
    pid: row.pid ?? undefined,
    exitCode: row.exit_code ?? undefined,
    oomKilled: row.oom_killed === 1,
    error: row.error,
    restartCount: row.restart_count,
    stoppedByUser: row.stopped_by_user === 1,
    health: row.health === null ? undefined : healthOf(row.health),
    body,
    imageConfig,
    volumes,
    pod,
    extras,
  };
}

function healthOf(text: string): Health {
  const stored = JSON.parse(text) as Health & { log: readonly { start: string; end: string }[] };
  const log = stored.log.map((each) => ({ ...each, start: new Date(each.start), end: new Date(each.end) }));
  return { ...stored, log };
}

function timeOf(milliseconds: number | null): Date | undefined {
  return milliseconds === null ? undefined : new Date(milliseconds);
}

/** What a container was made with. */
export function storedContainer(store: Store, id: string): StoredContainer {
  const row = store.db
    .query<{ config: string }, [string]>("SELECT config FROM containers WHERE id = ?")
    .get(id);
  if (row) return JSON.parse(row.config) as StoredContainer;
  throw new SampanError("not_found", `cannot find container "${id}": it was removed`);
}
