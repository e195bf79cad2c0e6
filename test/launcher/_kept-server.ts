/** A server under a keeper, for keeper.root.test.ts: it answers each line. `who`: its process id. `rest`, `leave`: it does. */
import { openKept } from "../../src/runtime/keeper/kept.ts";

const [socket = "", , places = ""] = process.argv.slice(2);
const kept = await openKept({
  places,
  connection: (_, duplex) => {
    duplex.on("error", () => duplex.destroy());
    duplex.on("data", (chunk: Uint8Array) => {
      const words = new TextDecoder().decode(chunk).trim();
      if (words === "who") duplex.write(`${process.pid}\n`);
      if (words.startsWith("rest")) kept.rest(words.split(" ").slice(1).map(Number));
      if (words === "leave" && kept.leave(socket)) process.exit(0);
    });
    duplex.once("end", () => duplex.end());
  },
});
