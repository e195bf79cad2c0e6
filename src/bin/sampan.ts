/** The program: the first word, or the name it was called by, picks the part. Each part is loaded when it is called. */

type Part = (args: readonly string[]) => Promise<number>;

const runtime: Part = async (args) => (await import("../api/oci/main.ts")).main(args);

const daemon: Part = async (args) => (await import("./daemon.ts")).daemon(args);

const cloud: Part = async (args) => (await import("./cloud.ts")).cloud(args);

const edge: Part = async (args) => (await import("./edge.ts")).edge(args);

const join: Part = async (args) => (await import("./edge/join.ts")).join(args);

const reset: Part = async (args) => (await import("./edge/join.ts")).reset(args);

const mapper: Part = async (args) => (await import("./mapper.ts")).mapper(args);

const simulate: Part = async (args) => (await import("./mapper.ts")).simulate(args);

/** containerd's shim; it begins itself again as the server. */
const shim: Part = async (args) => {
  const [{ main }, { programCommand }] = await Promise.all([
    import("../api/shim/main.ts"),
    import("./program.ts"),
  ]);
  return main(args, programCommand("shim"));
};

/** Internal: the helper processes of the engine: for layers, for docker cp, and for places that may not answer. */
const unpackWorker: Part = async ([word, ...args]) => {
  if (word === "copy") return (await import("../engine/containers/copy-worker.ts")).copyWorker(args);
  if (word === "look") return (await import("../engine/containers/look-worker.ts")).lookWorker(args);
  return (await import("../engine/unpack/worker.ts")).unpackWorker();
};

/** Internal: the process that answers names in networks, which outlives the daemon. */
const resolver: Part = async (args) =>
  (await import("../engine/networks/resolver/main.ts")).resolverMain(args);

const parts: Readonly<Record<string, Part>> = {
  runtime,
  daemon,
  cloud,
  edge,
  join,
  reset,
  mapper,
  simulate,
  shim,
  resolver,
  "unpack-worker": unpackWorker,
};

async function sampan(): Promise<number> {
  const name = (process.argv0 || "").split("/").at(-1) ?? "";
  const args = process.argv.slice(2);
  if (name === "sampan-runtime") return runtime(args);
  if (name === "containerd-shim-sampan-v2") return shim(args);
  const [word = "", ...rest] = args;
  const part = Object.hasOwn(parts, word) ? parts[word] : undefined;
  return part ? part(rest) : (await import("./cli.ts")).cli(args);
}

void sampan().then((status) => process.exit(status));
