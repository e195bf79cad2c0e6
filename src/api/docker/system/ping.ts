/** GET and HEAD /_ping: that there is a daemon, and which versions it speaks. */
import { text } from "../answer.ts";
import { route, type Route } from "../route.ts";

const headers = {
  // 1: the command line does not look for BuildKit here.
  "Builder-Version": "1",
  "Cache-Control": "no-cache, no-store, must-revalidate",
  Pragma: "no-cache",
  Swarm: "inactive",
};

const ping = () => text("OK", headers);

export const pingRoutes: readonly Route[] = [route("GET", "/_ping", ping), route("HEAD", "/_ping", ping)];
