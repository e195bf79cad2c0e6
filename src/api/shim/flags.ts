/** The command line that containerd calls a shim with: Go's flags (one dash or two, `-name value` or `-name=value`), then an action. */
import { invalid } from "../../base/errors.ts";

export interface ShimFlags {
  readonly namespace: string;
  /** Of containerd's own API. */
  readonly address: string;
  readonly id: string;
  /** Given where the working directory is not the bundle. */
  readonly bundle: string;
  /** Where to listen, in place of the address that is made of the others. */
  readonly socket: string;
  /** Descriptors of the keeper that began this server. */
  readonly keeper: string;
  readonly publishBinary: string;
  readonly debug: boolean;
  readonly info: boolean;
  readonly version: boolean;
  /** `start`, `delete`; empty: serve. */
  readonly action: string;
}

const texts = {
  namespace: "namespace",
  address: "address",
  id: "id",
  bundle: "bundle",
  socket: "socket",
  keeper: "keeper",
  "debug-socket": "debugSocket",
  "publish-binary": "publishBinary",
} as const;
const switches = { debug: "debug", info: "info", v: "version", version: "version" } as const;

/** Errors: `invalid_argument` for what no shim has. */
export function parseShimFlags(args: readonly string[]): ShimFlags {
  const text: Record<string, string> = {};
  const on = new Set<string>();
  let at = 0;
  for (; at < args.length; at++) {
    const arg = args[at] ?? "";
    if (!/^--?\w/.test(arg)) break;
    const [name = "", ...rest] = arg.replace(/^--?/, "").split("=");
    const given = rest.length > 0 ? rest.join("=") : undefined;
    if (Object.hasOwn(switches, name)) {
      if (given !== "false") on.add(switches[name as keyof typeof switches]);
      continue;
    }
    if (!Object.hasOwn(texts, name)) throw invalid(`cannot use flag "${arg}": a shim has none of this name`);
    const value = given ?? args[++at];
    if (value === undefined) throw invalid(`cannot use flag "${arg}": it wants a value`);
    text[texts[name as keyof typeof texts]] = value;
  }
  const {
    namespace = "",
    address = "",
    id = "",
    bundle = "",
    socket = "",
    keeper = "",
    publishBinary = "",
  } = text;
  return {
    namespace,
    address,
    id,
    bundle,
    socket,
    keeper,
    publishBinary,
    debug: on.has("debug"),
    info: on.has("info"),
    version: on.has("version"),
    action: args[at] ?? "",
  };
}
