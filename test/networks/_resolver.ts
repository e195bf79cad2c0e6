/** The resolver as bin/sampan.ts starts it. */
import { resolverMain } from "../../src/engine/networks/resolver/main.ts";

void resolverMain(process.argv.slice(2)).then((status) => process.exit(status));
