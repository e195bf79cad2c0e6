/** The session against Debian's dockerd: what holds there holds for our client, whoever the daemon is. */
// deadline: 240 s
import { startDockerd } from "../counterparts/dockerd.ts";
import { needs } from "../counterparts/place.ts";
import { sessionSuite } from "./session.suite.ts";

sessionSuite("dockerd", {
  needs: needs("dockerd", "containerd", "docker"),
  open: async () => {
    const engine = await startDockerd();
    return {
      // `docker --host ADDRESS`.
      host: engine.command()[2] ?? "",
      image: engine.image,
      networks: false,
      ours: false,
      [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
    };
  },
});
