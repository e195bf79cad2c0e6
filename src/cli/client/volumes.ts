/** Calls about volumes. */
import type { DaemonClient } from "./daemon.ts";
import type { Http } from "./http/http.ts";
import { filterQuery } from "./http/query.ts";

type VolumeCalls = Pick<
  DaemonClient,
  "volumes" | "createVolume" | "inspectVolume" | "removeVolume" | "pruneVolumes"
>;

const at = (volume: string) => `/volumes/${encodeURIComponent(volume)}`;

export function volumeCalls(http: Http): VolumeCalls {
  return {
    volumes: (filters) => http.json("GET", "/volumes", { query: { filters: filterQuery(filters) } }),
    createVolume: (body) => http.json("POST", "/volumes/create", { json: body }),
    inspectVolume: (volume) => http.json("GET", at(volume)),
    removeVolume: (volume, force) => http.order("DELETE", at(volume), { query: { force } }),
    async pruneVolumes(filters) {
      const { VolumesDeleted, SpaceReclaimed } = await http.json<{
        VolumesDeleted: string[] | null;
        SpaceReclaimed: number;
      }>("POST", "/volumes/prune", { query: { filters: filterQuery(filters) } });
      return { deleted: VolumesDeleted ?? [], reclaimed: SpaceReclaimed };
    },
  };
}
