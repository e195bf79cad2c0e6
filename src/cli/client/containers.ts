/** Calls about containers and the programs in them. */
import { SampanError } from "../../base/errors.ts";
import type { ContainerInspect, ContainerSummary } from "../../spec/docker/containers.ts";
import type { StatsSample } from "../../spec/docker/stats.ts";
import type { DaemonClient, Ended, PathStat } from "./daemon.ts";
import { bodyOf, type Http } from "./http/http.ts";
import { jsonLines } from "./http/lines.ts";
import { filterQuery } from "./http/query.ts";

type ContainerCalls = Pick<
  DaemonClient,
  | "containers"
  | "inspectContainer"
  | "removeContainer"
  | "pruneContainers"
  | "exportContainer"
  | "createContainer"
  | "startContainer"
  | "stopContainer"
  | "restartContainer"
  | "killContainer"
  | "pauseContainer"
  | "unpauseContainer"
  | "renameContainer"
  | "updateContainer"
  | "waitContainer"
  | "attachContainer"
  | "resizeContainer"
  | "logs"
  | "topContainer"
  | "stats"
  | "containerChanges"
  | "copyFrom"
  | "copyTo"
  | "statPath"
>;

const at = (container: string, verb: string) => `/containers/${encodeURIComponent(container)}${verb}`;
const aborting = (signal: AbortSignal | undefined) => (signal ? { signal } : {});

const statHeader = "x-docker-container-path-stat";

function statOf(headers: Headers): PathStat {
  const text = Buffer.from(headers.get(statHeader) ?? "", "base64").toString();
  try {
    return JSON.parse(text) as PathStat;
  } catch (error) {
    throw new SampanError("unavailable", "the daemon did not say what the path is", { cause: error });
  }
}

export function containerCalls(http: Http): ContainerCalls {
  return { ...listing(http), ...life(http), ...streams(http), ...files(http) };
}

function listing(http: Http) {
  return {
    containers: ({ all, limit, size, filters }) =>
      http.json<ContainerSummary[]>("GET", "/containers/json", {
        query: { all, limit, size, filters: filterQuery(filters) },
      }),
    inspectContainer: (container, { size = false } = {}) =>
      http.json<ContainerInspect>("GET", at(container, "/json"), { query: { size } }),
    async pruneContainers({ filters } = { filters: {} }) {
      const { ContainersDeleted, SpaceReclaimed } = await http.json<{
        ContainersDeleted: string[] | null;
        SpaceReclaimed: number;
      }>("POST", "/containers/prune", { query: { filters: filterQuery(filters) } });
      return { deleted: ContainersDeleted ?? [], reclaimed: SpaceReclaimed };
    },
    topContainer: (container, args) =>
      http.json("GET", at(container, "/top"), { query: { ps_args: args === "" ? undefined : args } }),
    async containerChanges(container) {
      return (
        (await http.json<{ Path: string; Kind: 0 | 1 | 2 }[] | null>("GET", at(container, "/changes"))) ?? []
      );
    },
  } satisfies Partial<ContainerCalls>;
}

function life(http: Http) {
  return {
    createContainer: (body, { name, platform, signal }) =>
      http.json("POST", "/containers/create", { query: { name, platform }, json: body, ...aborting(signal) }),
    startContainer: (container, { detachKeys, checkpoint } = {}) =>
      http.order("POST", at(container, "/start"), { query: { detachKeys, checkpoint } }),
    stopContainer: (container, { signal, timeout }) =>
      http.order("POST", at(container, "/stop"), { query: { signal, t: timeout } }),
    restartContainer: (container, { signal, timeout }) =>
      http.order("POST", at(container, "/restart"), { query: { signal, t: timeout } }),
    killContainer: (container, signal) => http.order("POST", at(container, "/kill"), { query: { signal } }),
    pauseContainer: (container) => http.order("POST", at(container, "/pause")),
    unpauseContainer: (container) => http.order("POST", at(container, "/unpause")),
    renameContainer: (container, name) => http.order("POST", at(container, "/rename"), { query: { name } }),
    updateContainer: (container, body) => http.json("POST", at(container, "/update"), { json: body }),
    async removeContainer(container, { force, volumes, link = false }) {
      await http.order("DELETE", at(container, ""), { query: { force, v: volumes, link } });
      return container;
    },
    async waitContainer(container, { condition, signal }) {
      const answer = await http.send("POST", at(container, "/wait"), {
        query: { condition },
        ...aborting(signal),
      });
      return { ended: endOf(answer) };
    },
  } satisfies Partial<ContainerCalls>;
}

async function endOf(answer: Response): Promise<Ended> {
  const text = await answer.text();
  try {
    return JSON.parse(text) as Ended;
  } catch (error) {
    throw new SampanError("unavailable", "the daemon went away while the container ran", { cause: error });
  }
}

function streams(http: Http) {
  return {
    attachContainer: (container, { stdin, stdout, stderr, logs = false, detachKeys, signal }) =>
      http.hijack(at(container, "/attach"), {
        query: { stream: true, stdin, stdout, stderr, logs, detachKeys },
        ...aborting(signal),
      }),
    resizeContainer: (container, { rows, columns }) =>
      http.order("POST", at(container, "/resize"), { query: { h: rows, w: columns } }),
    logs: (container, { signal, ...query }) =>
      http.bytes("GET", at(container, "/logs"), { query, ...aborting(signal) }),
    stats: (container, { stream, signal }) =>
      jsonLines<StatsSample>(
        http.bytes("GET", at(container, "/stats"), {
          query: { stream: stream ? "1" : "0" },
          ...aborting(signal),
        }),
      ),
  } satisfies Partial<ContainerCalls>;
}

function files(http: Http) {
  return {
    async exportContainer(container, { write, signal }) {
      for await (const bytes of http.bytes("GET", at(container, "/export"), aborting(signal)))
        await write(bytes);
    },
    async copyFrom(container, path, { signal } = {}) {
      const answer = await http.send("GET", at(container, "/archive"), {
        query: { path },
        ...aborting(signal),
      });
      return { stat: statOf(answer.headers), archive: bodyOf(answer) };
    },
    copyTo: (container, path, { archive, keepOwner, signal }) =>
      http.order("PUT", at(container, "/archive"), {
        query: { path, noOverwriteDirNonDir: true, copyUIDGID: keepOwner },
        upload: archive,
        headers: { "content-type": "application/x-tar" },
        ...aborting(signal),
      }),
    async statPath(container, path) {
      try {
        return statOf((await http.send("HEAD", at(container, "/archive"), { query: { path } })).headers);
      } catch (error) {
        // A HEAD has no words; those of a GET are not worth its bytes.
        if (SampanError.from(error).code !== "not_found") throw error;
        throw new SampanError("not_found", `no such container or path: ${container}:${path}`, {
          cause: error,
        });
      }
    },
  } satisfies Partial<ContainerCalls>;
}
