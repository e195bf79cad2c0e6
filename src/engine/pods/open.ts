/** Pod sandboxes over the engine's other parts: pods.ts is the contract. */
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { invalid, SampanError } from "../../base/errors.ts";
import { sideBySide } from "../../base/side-by-side.ts";
import { descriptorDuplex } from "../../kernel/descriptor-duplex.ts";
import { connectLoopback } from "../../kernel/sockets.ts";
import { killContainer } from "../containers/kill.ts";
import { findContainer, isLive } from "../containers/parts.ts";
import { removeContainer } from "../containers/remove.ts";
import { checkPod } from "./check.ts";
import { isInitAlive } from "./init.ts";
import { makePod, unmakePod, type PodParts } from "./make.ts";
import {
  areMounted,
  cni,
  containersOf,
  generationOf,
  pinnedOf,
  placesOf,
  podRow,
  podRows,
  sharesHost,
  type PodRow,
} from "./places.ts";
import { updatePod } from "./update.ts";
import type { Sandbox } from "../networks/networks.ts";
import type { Pods, PodSandboxInfo, PodSandboxRequest } from "./pods.ts";

/** Milliseconds until a connection is given up. */
const patience = 10_000;
/** Sandboxes that are made again at once. */
const side = 8;

export function openPods(engine: PodParts): Pods {
  const { store } = engine;
  const inTurn = turns();
  const find = (id: string) => {
    try {
      return podRow(store, id);
    } catch (error) {
      if (SampanError.from(error).code === "not_found") return undefined;
      throw error;
    }
  };
  const stop = async (row: PodRow) => {
    setWanted(engine, row.id);
    await killAll(engine, row.id);
    await unmakePod(engine, row);
  };
  return {
    async run(request, signal) {
      checkPod(request);
      if (request.runtime !== undefined) engine.runtimes.get(request.runtime);
      if (request.network !== undefined && request.network !== cni) engine.networks.get(request.network);
      signal?.throwIfAborted();
      const row = addRow(engine, request);
      return await inTurn(row.id, async () => {
        try {
          await makePod(engine, row, signal);
          return infoOf(engine, row);
        } catch (error) {
          await unmakePod(engine, row).catch(() => undefined);
          await forget(engine, row);
          throw SampanError.wrap(
            `cannot make the sandbox of pod "${request.namespace}/${request.name}"`,
            error,
          );
        }
      });
    },
    stop: (id) =>
      inTurn(id, async () => {
        const row = find(id);
        if (row) await stop(row);
      }),
    remove: (id) =>
      inTurn(id, async () => {
        const row = find(id);
        if (!row) return;
        await stop(row);
        for (const each of containersOf(store, id))
          if (findContainer(engine, each))
            await removeContainer(engine, each, { force: true, volumes: true });
        await forget(engine, row);
      }),
    update: (id, resources) =>
      inTurn(id, () => Promise.resolve().then(() => updatePod(engine, podRow(store, id), resources))),
    get: (id) => infoOf(engine, podRow(store, id)),
    request: (id) => podRow(store, id).request,
    list: () => podRows(store).map((row) => infoOf(engine, row)),
    connect: (id, port, signal) => connect(engine, podRow(store, id), { port, signal }),
    containers: (id) => containersOf(store, id),
    restore: async () => {
      const done = await removeStrays(engine);
      const restoreOne = async ({ id, request }: PodRow) => {
        const row = find(id);
        if (!row || !row.wanted || isReady(engine, row)) return;
        const what = `sandbox of pod ${request.namespace}/${request.name}`;
        try {
          await makePod(engine, row);
          done.push(what);
        } catch (error) {
          // One that cannot be made keeps no other from it.
          done.push(`${what} cannot be made again: ${SampanError.from(error).message}`);
        }
      };
      await sideBySide(podRows(store), side, (row) => inTurn(row.id, () => restoreOne(row)));
      return done;
    },
  };
}

async function connect(
  engine: PodParts,
  row: PodRow,
  { port, signal }: { readonly port: number; readonly signal: AbortSignal },
): Promise<Duplex> {
  const { id, request } = row;
  const what = `cannot connect to port ${port} of pod "${request.namespace}/${request.name}"`;
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw invalid(`${what}: there is no such port`);
  if (!isReady(engine, row)) throw new SampanError("failed_precondition", `${what}: it does not run`);
  const namespace = sharesHost(request) ? undefined : engine.networks.sandbox(id)?.path;
  const late = AbortSignal.any([signal, AbortSignal.timeout(patience)]);
  try {
    return await descriptorDuplex(await connectLoopback(namespace, port, late));
  } catch (error) {
    const { message } = SampanError.from(error);
    throw new SampanError("unavailable", `${what}: ${message}`, { cause: error });
  }
}

/** What is on the host of sandboxes that have no row: a removal that was cut off, or a database that lost its last moments. */
async function removeStrays(engine: PodParts): Promise<string[]> {
  const folder = join(engine.settings.state, "pods");
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const known = new Set(podRows(engine.store).map(({ id }) => id));
  const done: string[] = [];
  for (const id of names.filter((name) => /^[0-9a-f]{64}$/.test(name) && !known.has(name))) {
    const request = { namespace: "", name: "", uid: "", hostname: "", sharePid: true };
    const what = `what was left of pod sandbox ${id.slice(0, 12)}`;
    try {
      await unmakePod(engine, { id, request, created: 0, wanted: false });
      done.push(what);
    } catch (error) {
      done.push(`${what} cannot be taken away: ${SampanError.from(error).message}`);
    }
  }
  return done;
}

/** One change at a time for a sandbox. */
function turns(): <Result>(id: string, work: () => Promise<Result>) => Promise<Result> {
  const last = new Map<string, Promise<unknown>>();
  return async (id, work) => {
    const before = last.get(id) ?? Promise.resolve();
    const result = before.then(work, work);
    const settled = result.catch(() => undefined);
    last.set(id, settled);
    try {
      return await result;
    } finally {
      if (last.get(id) === settled) last.delete(id);
    }
  };
}

function addRow({ store }: PodParts, request: PodSandboxRequest): PodRow {
  const { namespace, name, uid, attempt = 0 } = request;
  const id = randomBytes(32).toString("hex");
  const created = Date.now();
  const { db } = store;
  const add = () => {
    const same = db.query("SELECT 1 FROM pods WHERE namespace = ? AND name = ? AND uid = ? AND attempt = ?");
    if (same.get(namespace, name, uid, attempt) !== null)
      throw new SampanError(
        "already_exists",
        `cannot make the sandbox of pod "${namespace}/${name}": there is one of attempt ${attempt}`,
      );
    db.query(
      "INSERT INTO pods (id, namespace, name, uid, attempt, request, created, wanted) VALUES (?, ?, ?, ?, ?, ?, ?, 1)",
    ).run(id, namespace, name, uid, attempt, JSON.stringify(request), created);
  };
  // What a power cut takes of it was on no disk either; what makes the row of its first container durable does so with this.
  store.transaction(add, { durable: false });
  return { id, request, created, wanted: true };
}

/** A power cut may lose it: then the sandbox comes back, and whoever stopped it stops it again. */
function setWanted({ store }: PodParts, id: string): void {
  store.transaction(() => store.db.query("UPDATE pods SET wanted = 0 WHERE id = ?").run(id), {
    durable: false,
  });
}

async function forget({ store, networks }: PodParts, { id, request }: PodRow): Promise<void> {
  const { network = "bridge" } = request;
  if (!sharesHost(request) && network !== "none" && network !== cni)
    await networks.disconnect(network, id, { force: true, durable: false }).catch((error: unknown) => {
      if (SampanError.from(error).code !== "not_found") throw error;
    });
  // A power cut within that moment brings it back, and whoever does not know it removes it again.
  store.transaction(() => store.db.query("DELETE FROM pods WHERE id = ?").run(id), { durable: "soon" });
}

async function killAll(engine: PodParts, id: string): Promise<void> {
  await Promise.all(
    containersOf(engine.store, id).map(async (each) => {
      const info = findContainer(engine, each);
      if (!info || !isLive(info)) return;
      try {
        await killContainer(engine, each, "SIGKILL");
      } catch (error) {
        // It has ended by itself.
        if (!["failed_precondition", "not_found"].includes(SampanError.from(error).code)) throw error;
      }
    }),
  );
}

const isReady = (engine: PodParts, row: PodRow): boolean => standing(engine, row) !== undefined;

interface Standing {
  readonly generation: string;
  /** undefined with the host's network. */
  readonly sandbox: Sandbox | undefined;
}

/** Undefined when it is not ready. Each thing is looked at once: all pods are listed every second. */
function standing(engine: PodParts, { id, request, wanted }: PodRow): Standing | undefined {
  if (!wanted) return undefined;
  const places = placesOf(engine.settings, id);
  const generation = generationOf(places);
  if (generation === "") return undefined;
  const pinned = pinnedOf(request);
  if (!areMounted(pinned.filter((each) => each !== "pid").map((each) => places[each]))) return undefined;
  if (pinned.includes("pid") && !isInitAlive(engine, id)) return undefined;
  if (sharesHost(request)) return { generation, sandbox: undefined };
  const sandbox = engine.networks.sandbox(id);
  return sandbox && areMounted([sandbox.path]) ? { generation, sandbox } : undefined;
}

function infoOf(engine: PodParts, row: PodRow): PodSandboxInfo {
  const { id, request, created } = row;
  const stands = standing(engine, row);
  const sandbox = stands?.sandbox;
  const [endpoint] = sandbox?.endpoints ?? [];
  const attachment = sandbox && engine.networks.cni.attachment(id);
  const addresses = attachment?.addresses.map(({ address }) => address) ?? [endpoint?.ipv4, endpoint?.ipv6];
  const ips = addresses.flatMap((each) => each?.replace(/\/.*$/, "") ?? []);
  return {
    id,
    request,
    created: new Date(created),
    state: stands ? "ready" : "not_ready",
    generation: stands?.generation ?? "",
    sandbox,
    ips,
  };
}
