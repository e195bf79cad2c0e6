/** docker's flags, typed at Sampan's own daemon in a network namespace of its own. */
// deadline: 240 s
import { makeWorld } from "../clients/_world.ts";
import { flagsSuite, programs } from "./flags.suite.ts";

flagsSuite("sampan", {
  needs: { root: true, programs: [...programs, "ip", "nsenter", "nft"], files: ["build/launcher"] },
  open: async () => {
    const world = await makeWorld();
    return { host: world.host, ours: true, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
  },
});
