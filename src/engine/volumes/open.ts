/** Volumes: rows, and folders `volumes/<name>/_data` below the data root. */
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { SampanError, invalid } from "../../base/errors.ts";
import { unmount } from "../../kernel/mounts.ts";
import type { Events } from "../events/events.ts";
import { fileError } from "../store/errors.ts";
import type { Store } from "../store/store.ts";
import type { Unpacker } from "../unpack/unpack.ts";
import { halfGonePrefix, halfMadePrefix } from "./half-made.ts";
import { isMounted, mountVolume } from "./mount.ts";
import { parseVolumeOptions, type VolumeOptions } from "./options.ts";
import { limitSize, unlimit } from "./size.ts";
import type { VolumeInfo, Volumes } from "./volumes.ts";

export interface VolumeParts {
  readonly unpacker: Pick<Unpacker, "removeTree">;
  readonly events?: Pick<Events, "emit">;
}

interface Row {
  readonly name: string;
  readonly labels: string;
  readonly options: string;
  readonly created: number;
  readonly anonymous: number;
  readonly project: number | null;
}

type Create = Parameters<Volumes["create"]>[0];

const pattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,254}$/;
/** What a container that is removed leaves to be removed with it has such a name. */
const chance = /^[0-9a-f]{64}$/;
export function openVolumes(store: Store, parts: VolumeParts): Volumes {
  return new RowVolumes(store, parts);
}

class RowVolumes implements Volumes {
  readonly #store: Store;
  readonly #parts: VolumeParts;
  readonly #folder: string;
  /** By name: one change of a volume at a time in this process. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(store: Store, parts: VolumeParts) {
    this.#store = store;
    this.#parts = parts;
    this.#folder = join(store.root, "volumes");
  }

  list(): readonly VolumeInfo[] {
    this.#adopt(namesIn(this.#folder));
    return this.#store.db
      .query<Row, []>("SELECT * FROM volumes ORDER BY name")
      .all()
      .map((row) => this.#infoOf(row));
  }

  get(name: string): VolumeInfo {
    return this.#infoOf(this.#row(name));
  }

  async create(request: Create): Promise<VolumeInfo> {
    const { name = randomBytes(32).toString("hex"), driver = "local", options = {} } = request;
    checkName(name);
    if (driver !== "local")
      throw invalid(`cannot create volume "${name}": there is no driver "${driver}", only "local"`);
    const parsed = parseVolumeOptions(options);
    return await this.#inTurn(name, async () => {
      await this.#finishRemoval(name);
      const found = this.#find(name);
      if (found) return this.#same(found, options);
      this.#make(name, { ...request, anonymous: request.anonymous ?? request.name === undefined }, parsed);
      this.#emit("create", name);
      return this.get(name);
    });
  }

  #same(row: Row, options: Readonly<Record<string, string>>): VolumeInfo {
    const info = this.#infoOf(row);
    const differs = (name: string) => options[name] !== info.options[name];
    const names = Object.keys({ ...options, ...info.options });
    if (Object.keys(options).length === 0 || !names.some(differs)) return info;
    throw new SampanError(
      "already_exists",
      `cannot create volume "${row.name}": it is there with other options: ${JSON.stringify(info.options)}`,
    );
  }

  /** It appears whole, by a rename in the transaction of its row; a crash leaves `.new-…`. */
  #make(
    name: string,
    { labels = {}, options = {}, anonymous = false }: Create,
    { size }: VolumeOptions,
  ): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const fresh = mkdtempSync(join(this.#folder, halfMadePrefix()));
    const data = join(fresh, "_data");
    try {
      chmodSync(fresh, 0o701);
      mkdirSync(data);
      chmodSync(data, 0o755);
      const project = size === undefined ? null : limitSize(this.#store, data, size);
      this.#store.transaction(() => {
        this.#store.db
          .query(
            "INSERT INTO volumes (name, labels, options, created, anonymous, project) VALUES (?, ?, ?, ?, ?, ?)",
          )
          .run(name, JSON.stringify(labels), JSON.stringify(options), Date.now(), anonymous ? 1 : 0, project);
        renameSync(fresh, join(this.#folder, name));
      });
    } catch (error) {
      rmSync(fresh, { recursive: true, force: true });
      throw fileError(`create volume "${name}"`, error);
    }
  }

  async remove(name: string, { force = false }: { readonly force?: boolean } = {}): Promise<void> {
    await this.#inTurn(name, async () => {
      const row = this.#find(name);
      if (!row) {
        if (force) return;
        throw notFound(name);
      }
      const users = this.users(name);
      if (users.length > 0)
        throw new SampanError(
          "failed_precondition",
          `cannot remove volume "${name}": volume is in use - [${users.join(", ")}]`,
        );
      this.#unmount(name);
      if (row.project !== null) unlimit(join(this.#folder, name, "_data"), row.project);
      this.#store.transaction(() => {
        if (this.users(name).length > 0)
          throw new SampanError("failed_precondition", `cannot remove volume "${name}": volume is in use`);
        this.#store.db.query("DELETE FROM volumes WHERE name = ?").run(name);
        this.#store.db.query("DELETE FROM volume_uses WHERE volume = ?").run(name);
        this.#store.db.query("INSERT OR IGNORE INTO garbage (kind, key) VALUES ('volume-name', ?)").run(name);
      });
      await this.#finishRemoval(name);
      this.#emit("destroy", name);
    });
  }

  /** Of a name that is garbage: its folder gets another name, by whoever comes first, so that a new one of the same name is nobody's prey. */
  async #finishRemoval(name: string): Promise<void> {
    const gone = join(this.#folder, `${halfGonePrefix()}${randomBytes(8).toString("hex")}`);
    const mine = this.#store.transaction(() => {
      const { changes } = this.#store.db
        .query("DELETE FROM garbage WHERE kind = 'volume-name' AND key = ?")
        .run(name);
      if (changes === 0 || !lstatSync(join(this.#folder, name), { throwIfNoEntry: false })) return false;
      renameSync(join(this.#folder, name), gone);
      return true;
    });
    if (mine) await this.#parts.unpacker.removeTree(gone);
  }

  async acquire(name: string, container: string, signal?: AbortSignal): Promise<string> {
    return await this.#inTurn(name, async () => {
      const info = this.get(name);
      const { mount } = parseVolumeOptions(info.options);
      // What is mounted already is not looked at: its server may not answer.
      if (!mount || !isMounted(join(realpathSync(join(this.#folder, name)), "_data"))) {
        refuseLinks(this.#folder, name);
        if (mount) await mountVolume(name, mount, info.mountpoint, signal);
      }
      this.#emit("mount", name, { container });
      this.#store.transaction(() =>
        this.#store.db
          .query("INSERT OR IGNORE INTO volume_uses (volume, container) VALUES (?, ?)")
          .run(name, container),
      );
      return info.mountpoint;
    });
  }

  async release(name: string, container: string): Promise<void> {
    await this.#inTurn(name, async () => {
      await Promise.resolve();
      const left = this.#store.transaction(() => {
        const { db } = this.#store;
        db.query("DELETE FROM volume_uses WHERE volume = ? AND container = ?").run(name, container);
        return db.query("SELECT 1 FROM volume_uses WHERE volume = ?").get(name) !== null;
      });
      if (!left) this.#unmount(name);
      this.#emit("unmount", name, { container });
    });
  }

  users(name: string): readonly string[] {
    return this.#store.db
      .query<{ id: string }, [string]>(
        `SELECT DISTINCT containers.id FROM containers, json_each(containers.config, '$.volumes') AS used
         WHERE used.value ->> 'kind' = 'volume' AND used.value ->> 'source' = ? ORDER BY containers.id`,
      )
      .all(name)
      .map(({ id }) => id);
  }

  /** What its options had mounted; lazily, for nobody has to see it go. */
  #unmount(name: string): boolean {
    const row = this.#find(name);
    if (!row || !parseVolumeOptions(this.#infoOf(row).options).mount) return false;
    return unmount(join(this.#folder, name, "_data"));
  }

  /** Folders that stand there without a row, from before there were rows. */
  #adopt(names: readonly string[]): void {
    const { db } = this.#store;
    const hasNoRow = (name: string) =>
      db.query("SELECT 1 FROM volumes WHERE name = ?").get(name) === null &&
      db.query("SELECT 1 FROM garbage WHERE kind IN ('volume', 'volume-name') AND key = ?").get(name) ===
        null;
    const found = names.filter(
      (name) => pattern.test(name) && hasNoRow(name) && isFolder(join(this.#folder, name, "_data")),
    );
    if (found.length === 0) return;
    const insert = db.query(
      "INSERT OR IGNORE INTO volumes (name, labels, options, created, anonymous) VALUES (?, '{}', '{}', ?, ?)",
    );
    this.#store.transaction(() => {
      for (const name of found.filter(hasNoRow))
        insert.run(name, Math.floor(lstatSync(join(this.#folder, name)).mtimeMs), chance.test(name) ? 1 : 0);
    });
  }

  #find(name: string): Row | undefined {
    if (!pattern.test(name)) return undefined;
    const read = () =>
      this.#store.db.query<Row, [string]>("SELECT * FROM volumes WHERE name = ?").get(name) ?? undefined;
    const row = read();
    if (row || !existsSync(join(this.#folder, name))) return row;
    this.#adopt([name]);
    return read();
  }

  #row(name: string): Row {
    const row = this.#find(name);
    if (row) return row;
    throw notFound(name);
  }

  #infoOf({ name, labels, options, created, anonymous }: Row): VolumeInfo {
    return {
      name,
      driver: "local",
      labels: JSON.parse(labels) as Record<string, string>,
      options: JSON.parse(options) as Record<string, string>,
      created: new Date(created),
      anonymous: anonymous === 1,
      mountpoint: join(this.#folder, name, "_data"),
    };
  }

  #emit(action: string, id: string, attributes: Readonly<Record<string, string>> = {}): void {
    this.#parts.events?.emit({ type: "volume", action, id, attributes: { driver: "local", ...attributes } });
  }

  async #inTurn<T>(name: string, act: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(name) ?? Promise.resolve();
    const turn = before.then(act, act);
    this.#turns.set(name, turn);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(name) === turn) this.#turns.delete(name);
    }
  }
}

function notFound(name: string): SampanError {
  return new SampanError("not_found", `cannot find volume "${name.slice(0, 300)}": no such volume`);
}

/** Errors: `invalid_argument`. */
function checkName(name: string): void {
  if (!pattern.test(name))
    throw invalid(
      `cannot name a volume "${name.slice(0, 150)}": wanted two to 255 characters: a letter or digit, then letters, digits, "_", "." and "-"`,
    );
}

/** A volume's place is below the data root, whatever somebody has put there. */
function refuseLinks(folder: string, name: string): void {
  for (const path of [join(folder, name), join(folder, name, "_data")])
    if (!isFolder(path))
      throw new SampanError("data_loss", `cannot use volume "${name}": ${path} is not a folder`);
}

function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function namesIn(folder: string): string[] {
  return isFolder(folder) ? readdirSync(folder) : [];
}
