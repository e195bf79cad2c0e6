/** The network: bare host, through a published port, and between two containers. */
import { output } from "../_command.ts";
import { apiOfPeer, image } from "./_measure.ts";
import { inside, type Peer } from "./_peers.ts";

export const kinds = { rate: "MiB/s", ping: "answers/s", connect: "connections/s" } as const;
export type Kind = keyof typeof kinds;

export interface NetworkOptions {
  readonly namespace: string;
  /** The built net.c. */
  readonly program: string;
  /** Milliseconds a sample. */
  readonly length: number;
}

const port = 5201;

/** Both ends outside of containers, over the loopback device. */
export async function bareHost({ namespace, program, length }: NetworkOptions, kind: Kind): Promise<number> {
  const server = Bun.spawn(inside(namespace, [program, "serve", `${port}`]), {
    stdout: "pipe",
    stdin: "ignore",
  });
  try {
    await server.stdout.getReader().read();
    return Number(await output(inside(namespace, [program, kind, "127.0.0.1", `${port}`, `${length}`])));
  } finally {
    server.kill();
    await server.exited;
  }
}

export interface Stack extends AsyncDisposable {
  published(kind: Kind): Promise<number>;
  between(kind: Kind): Promise<number>;
}

/** A server and a client in one user-defined network; the server has a published port. */
export async function startStack(peer: Peer, hostPort: number, options: NetworkOptions): Promise<Stack> {
  const { namespace, program, length } = options;
  const api = apiOfPeer(peer);
  const network = `bench-${peer.name}`;
  await api.post("/networks/create", { Name: network });
  const make = async (name: string, Cmd: readonly string[], host: object = {}) => {
    const id = await api.create(`${network}-${name}`, {
      Image: image,
      Cmd,
      ExposedPorts: { [`${port}/tcp`]: {} },
      HostConfig: { NetworkMode: network, Binds: [`${program}:/net:ro`], ...host },
    });
    await api.post(`/containers/${id}/start`);
    return id;
  };
  const PortBindings = { [`${port}/tcp`]: [{ HostIp: "127.0.0.1", HostPort: `${hostPort}` }] };
  const server = await make("server", ["/net", "serve", `${port}`], { PortBindings });
  const client = await make("client", ["sleep", "100000"]);
  while (!(await api.logs(server)).includes("listening")) await Bun.sleep(10);
  const address = (await api.inspect(server)).NetworkSettings.Networks[network]?.IPAddress ?? "";
  return {
    published: async (kind) =>
      Number(await output(inside(namespace, [program, kind, "127.0.0.1", `${hostPort}`, `${length}`]))),
    between: async (kind) => Number(await api.exec(client, ["/net", kind, address, `${port}`, `${length}`])),
    [Symbol.asyncDispose]: async () => {
      for (const id of [client, server]) await api.delete(`/containers/${id}?force=1`);
      await api.delete(`/networks/${network}`);
    },
  };
}
