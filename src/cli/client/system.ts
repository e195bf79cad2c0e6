/** Calls about the daemon as a whole; those below /sampan are Sampan's own. */
import type { DiskUsage, Problem } from "../../spec/docker/images.ts";
import type { AuditItem, EventMessage } from "../../spec/docker/system.ts";
import type { EngineClient } from "./client.ts";
import type { DaemonClient } from "./daemon.ts";
import type { Http } from "./http/http.ts";
import { jsonLines } from "./http/lines.ts";
import { filterQuery } from "./http/query.ts";
import { progress } from "./http/steps.ts";
import { ours } from "./ours.ts";

type SystemCalls = Pick<DaemonClient, "serverVersion" | "info" | "events" | "dockerDiskUsage" | "audit"> &
  Pick<EngineClient, "diskUsage" | "pruneSystem" | "check">;

export function systemCalls(http: Http): SystemCalls {
  return {
    serverVersion: () => http.json("GET", "/version"),
    info: () => http.json("GET", "/info"),
    events: ({ since, until, filters, signal }) =>
      jsonLines<EventMessage>(
        http.bytes("GET", "/events", {
          query: { since, until, filters: filterQuery(filters) },
          ...(signal ? { signal } : {}),
        }),
      ),
    dockerDiskUsage: () => http.json("GET", "/system/df"),
    diskUsage: () =>
      ours(http, "system df of each byte", () => http.json<DiskUsage>("GET", "/sampan/system/df")),
    audit: ({ repair = false, signal }) =>
      ours(http, "system audit", () =>
        http.json<AuditItem[]>(repair ? "POST" : "GET", "/sampan/system/audit", {
          query: { repair },
          ...(signal ? { signal } : {}),
        }),
      ),
    pruneSystem: ({ all, signal }) =>
      ours(http, "system prune of garbage", () =>
        http.json<{ removed: string[]; reclaimed: number }>("POST", "/sampan/system/prune", {
          query: { all },
          ...(signal ? { signal } : {}),
        }),
      ),
    async check({ repair, deep, ...call }) {
      let problems: readonly Problem[] = [];
      await ours(http, "system check", () =>
        progress(
          http,
          "/sampan/system/check",
          { query: { repair, deep } },
          {
            ...call,
            onLine: ({ aux }) => {
              const found = (aux as { problems?: readonly Problem[] } | undefined)?.problems;
              if (found) problems = found;
              return found !== undefined;
            },
          },
        ),
      );
      return problems;
    },
  };
}
