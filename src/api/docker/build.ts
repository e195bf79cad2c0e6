/** Building images: not there yet, and said so. There is no cache either, and clearing it does nothing. */
import { json } from "./answer.ts";
import { notThere } from "./errors.ts";
import { route, type Route } from "./route.ts";

const why = "building images is not there yet: build with another builder, then load or push the image";

export function buildRoutes(): Route[] {
  const refuse = () => {
    throw notThere(why);
  };
  return [
    route("POST", "/build", refuse),
    route("POST", "/build/cancel", refuse),
    route("POST", "/session", refuse),
    route("POST", "/grpc", refuse),
    route("POST", "/build/prune", () => json({ CachesDeleted: null, SpaceReclaimed: 0 })),
  ];
}
