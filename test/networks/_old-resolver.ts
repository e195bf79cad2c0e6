/** Holds the lock and says that it is of another version, as a resolver from before an upgrade does. `_old-resolver.ts FOLDER` */
import { writeFileSync } from "node:fs";
import { lockFileOf, stateFileOf } from "../../src/engine/networks/resolver/table.ts";
import { lockFile, openFile } from "../../src/kernel/libc.ts";

const [folder = ""] = process.argv.slice(2);
lockFile(openFile(lockFileOf(folder), 2), true);
writeFileSync(stateFileOf(folder), JSON.stringify({ pid: process.pid, version: "0.0.0", serial: 1e9 }));
process.stdout.write("ready\n");
setInterval(() => {}, 1e6);
