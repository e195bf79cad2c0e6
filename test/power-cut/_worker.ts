import { unpackWorker } from "../../src/engine/unpack/worker.ts";

process.exit(await unpackWorker());
