/** Commands that ask a daemon: what they ask, and what they print of its answers. */
import { expect, test } from "bun:test";
import { SampanError } from "../../src/base/errors.ts";
import type { DaemonClient } from "../../src/cli/client/daemon.ts";
import type { NetworkCreateBody, NetworkInspect } from "../../src/spec/docker/networks.ts";
import type { EventMessage, SystemInfo } from "../../src/spec/docker/system.ts";
import { sampan } from "./_world.ts";

type Fake = Partial<DaemonClient>;

/** Records the calls of one verb. */
function recorder<A extends unknown[], R>(answer: R): { calls: A[]; verb: (...args: A) => Promise<R> } {
  const calls: A[] = [];
  return { calls, verb: async (...args: A) => (calls.push(args), answer) };
}

async function ran(daemon: Fake, ...args: string[]) {
  const { status, out, err } = await sampan(args, { daemon });
  return { status, out, err };
}

test("verbs over several containers print each name, and go on after one that fails", async () => {
  const stopped: unknown[] = [];
  const daemon: Fake = {
    stopContainer: async (name, options) => {
      stopped.push([name, options]);
      if (name === "gone")
        throw new SampanError("not_found", "Error response from daemon: No such container: gone");
    },
  };
  expect(await ran(daemon, "stop", "-t", "3", "-s", "INT", "one", "gone", "two")).toEqual({
    status: 1,
    out: "one\ntwo\n",
    err: "Error response from daemon: No such container: gone\n",
  });
  expect(stopped).toEqual(["one", "gone", "two"].map((name) => [name, { signal: "INT", timeout: 3 }]));
  const { calls, verb } = recorder<[string, { signal?: string; timeout?: number }], void>(undefined);
  await ran({ restartContainer: verb }, "restart", "--time", "0", "x");
  expect(calls).toEqual([["x", { timeout: 0 }]]);
});

test("update sends only what was given", async () => {
  const { calls, verb } = recorder<unknown[], { Warnings: string[] }>({ Warnings: ["swap is off"] });
  const done = await ran(
    { updateContainer: verb as never },
    "update",
    "-m",
    "64m",
    "--memory-swap",
    "-1",
    "--cpus",
    "0.5",
    "--restart",
    "on-failure:2",
    "web",
  );
  expect(calls).toEqual([
    [
      "web",
      {
        Memory: 67108864,
        MemorySwap: -1,
        NanoCpus: 5e8,
        RestartPolicy: { Name: "on-failure", MaximumRetryCount: 2 },
      },
    ],
  ]);
  expect(done).toEqual({ status: 0, out: "web\n", err: "WARNING: swap is off\n" });
  expect((await ran({}, "update", "--restart", "sometimes", "web")).err).toContain(
    'cannot use restart policy "sometimes"',
  );
});

const own: NetworkInspect = {
  Name: "own",
  Id: "ab".repeat(32),
  Created: "2026-11-21T12:00:00Z",
  Scope: "local",
  Driver: "bridge",
  EnableIPv6: false,
  IPAM: { Config: [{ Subnet: "10.1.0.0/16" }] },
  Internal: false,
  Attachable: false,
  Ingress: false,
  Containers: {
    c1: { Name: "web", EndpointID: "", MacAddress: "", IPv4Address: "10.1.0.2/16", IPv6Address: "" },
  },
  Options: null,
  Labels: { a: "b" },
};

test("networks are listed by name, filtered by the daemon, and looked into by templates", async () => {
  const { calls, verb } = recorder<unknown[], NetworkInspect[]>([
    own,
    { ...own, Name: "host", Driver: "host" },
  ]);
  expect(await ran({ networks: verb }, "network", "ls", "-f", "driver=bridge", "-f", "driver=host")).toEqual({
    status: 0,
    out: "NETWORK ID     NAME      DRIVER    SCOPE\nabababababab   host      host      local\nabababababab   own       bridge    local\n",
    err: "",
  });
  expect(calls).toEqual([[{ driver: ["bridge", "host"] }]]);
  expect((await ran({ networks: verb }, "network", "ls", "--format", "{{.Name}}={{.Labels}}")).out).toBe(
    "host=a=b\nown=a=b\n",
  );
  const template = "{{range $id, $c := .Containers}}{{$id}} {{$c.IPv4Address}}{{end}}";
  expect(
    (await ran({ inspectNetwork: async () => own }, "network", "inspect", "-f", template, "own")).out,
  ).toBe("c1 10.1.0.2/16\n");
});

test("network create gives each address to its subnet", async () => {
  const { calls, verb } = recorder<[NetworkCreateBody], { Id: string }>({ Id: "id" });
  const flags = [
    "--subnet",
    "10.1.0.0/16",
    "--subnet",
    "fd00:1::/64",
    "--gateway",
    "fd00:1::1",
    "--gateway",
    "10.1.0.1",
    "--ip-range",
    "10.1.5.0/24",
    "--aux-address",
    "router=10.1.0.9",
  ];
  const done = await ran(
    { createNetwork: verb },
    "network",
    "create",
    ...flags,
    "--ipv6",
    "--internal",
    "-o",
    "mtu=1400",
    "--label",
    "a",
    "own",
  );
  expect(done).toEqual({ status: 0, out: "id\n", err: "" });
  expect(calls[0]?.[0]).toMatchObject({
    Name: "own",
    Driver: "bridge",
    Internal: true,
    EnableIPv6: true,
    Options: { mtu: "1400" },
    Labels: { a: "" },
    IPAM: {
      Config: [
        {
          Subnet: "10.1.0.0/16",
          Gateway: "10.1.0.1",
          IPRange: "10.1.5.0/24",
          AuxiliaryAddresses: { router: "10.1.0.9" },
        },
        { Subnet: "fd00:1::/64", Gateway: "fd00:1::1" },
      ],
    },
  });
  expect(
    (await ran({}, "network", "create", "--subnet", "10.1.0.0/16", "--gateway", "10.2.0.1", "x")).err,
  ).toBe('Error: cannot use address "10.2.0.1": it lies in no --subnet\n');
});

test("network connect and disconnect send what was given", async () => {
  const connect = recorder<unknown[], void>(undefined);
  await ran(
    { connectNetwork: connect.verb },
    "network",
    "connect",
    "--alias",
    "db",
    "--ip",
    "10.1.0.5",
    "own",
    "web",
  );
  expect(connect.calls).toEqual([
    [
      "own",
      { Container: "web", EndpointConfig: { IPAMConfig: { IPv4Address: "10.1.0.5" }, Aliases: ["db"] } },
    ],
  ]);
  const disconnect = recorder<unknown[], void>(undefined);
  await ran({ disconnectNetwork: disconnect.verb }, "network", "disconnect", "-f", "own", "web");
  expect(disconnect.calls).toEqual([["own", "web", true]]);
});

const volume = {
  Name: "data",
  Driver: "local",
  Mountpoint: "/v/data",
  Labels: null,
  Scope: "local",
  Options: null,
};

test("volumes are made, listed and pruned", async () => {
  const create = recorder<unknown[], typeof volume>(volume);
  expect(
    (await ran({ createVolume: create.verb }, "volume", "create", "-o", "size=1g", "--label", "a=b", "data"))
      .out,
  ).toBe("data\n");
  expect(create.calls).toEqual([
    [{ Name: "data", Driver: "local", DriverOpts: { size: "1g" }, Labels: { a: "b" } }],
  ]);
  const volumes = async () => ({ Volumes: [volume], Warnings: null });
  expect((await ran({ volumes }, "volume", "ls")).out).toBe("DRIVER    VOLUME NAME\nlocal     data\n");
  expect(
    (await ran({ volumes: async () => ({ Volumes: null, Warnings: null }) }, "volume", "ls", "-q")).out,
  ).toBe("");
  const prune = recorder<unknown[], { deleted: string[]; reclaimed: number }>({
    deleted: ["data"],
    reclaimed: 2000,
  });
  expect((await ran({ pruneVolumes: prune.verb }, "volume", "prune", "-af")).out).toBe(
    "Deleted Volumes:\ndata\n\nTotal reclaimed space: 2kB\n",
  );
  expect(prune.calls).toEqual([[{ all: ["true"] }]]);
  expect((await ran({}, "volume", "prune")).err).toContain("use --force");
});

const event: EventMessage = {
  Type: "container",
  Action: "die",
  Actor: { ID: "c1", Attributes: { name: "web", exitCode: "3", image: "alpine" } },
  time: 1795262400,
  timeNano: 1795262400000000000,
};

test("events come as lines, as JSON, and by a template", async () => {
  const asked: unknown[] = [];
  const daemon: Fake = {
    events: async function* ({ signal: _signal, ...options }) {
      asked.push(options);
      yield event;
    },
  };
  const { out } = await ran(
    daemon,
    "events",
    "--since",
    "10m",
    "--until",
    "1795262500",
    "-f",
    "type=container",
  );
  expect(out).toEndWith(" container die c1 (exitCode=3, image=alpine, name=web)\n");
  expect(asked).toEqual([{ since: "1795261800.000", until: "1795262500", filters: { type: ["container"] } }]);
  expect(JSON.parse((await ran(daemon, "events", "--format", "json")).out)).toEqual(event);
  expect((await ran(daemon, "events", "--format", "{{.Actor.ID}} {{.Action}}")).out).toBe("c1 die\n");
});

const box = { Config: { Tty: false, OpenStdin: false }, Id: "c1" };

test("logs come apart by their streams, and times are Unix seconds", async () => {
  const asked: unknown[] = [];
  const frame = (stream: number, text: string) =>
    Buffer.concat([Buffer.from([stream, 0, 0, 0, 0, 0, 0, text.length]), Buffer.from(text)]);
  const daemon = {
    inspectContainer: async () => box,
    logs: async function* (id: string, { signal: _signal, ...options }: { signal?: AbortSignal }) {
      asked.push([id, options]);
      yield Buffer.concat([frame(1, "to out\n"), frame(2, "to err\n")]);
    },
  } as unknown as Fake;
  expect(await ran(daemon, "logs", "-ft", "-n", "5", "--since", "1h", "web")).toEqual({
    status: 0,
    out: "to out\n",
    err: "to err\n",
  });
  expect(asked).toEqual([
    [
      "c1",
      {
        follow: true,
        stdout: true,
        stderr: true,
        timestamps: true,
        details: false,
        tail: "5",
        since: "1795258800.000",
      },
    ],
  ]);
});

test("port prints all published ports, or where one is", async () => {
  const Ports = {
    "80/tcp": [
      { HostIp: "0.0.0.0", HostPort: "8080" },
      { HostIp: "::", HostPort: "8080" },
    ],
    "53/udp": [{ HostIp: "", HostPort: "53" }],
    "90/tcp": null,
  };
  const daemon = { inspectContainer: async () => ({ NetworkSettings: { Ports } }) } as unknown as Fake;
  expect((await ran(daemon, "port", "web")).out).toBe(
    "53/udp -> 0.0.0.0:53\n80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080\n",
  );
  expect((await ran(daemon, "port", "web", "80")).out).toBe("0.0.0.0:8080\n[::]:8080\n");
  expect(await ran(daemon, "port", "web", "90")).toMatchObject({
    status: 1,
    err: 'Error: cannot show port "90/tcp" of "web": it is not published\n',
  });
});

test("diff, top and wait print docker's lines", async () => {
  const changes = [
    { Path: "/tmp", Kind: 0 },
    { Path: "/tmp/x", Kind: 1 },
    { Path: "/gone", Kind: 2 },
  ] as const;
  expect((await ran({ containerChanges: async () => changes }, "diff", "web")).out).toBe(
    "C /tmp\nA /tmp/x\nD /gone\n",
  );
  const top = recorder<unknown[], { Titles: string[]; Processes: string[][] }>({
    Titles: ["PID", "CMD"],
    Processes: [["1", "sleep 9"]],
  });
  expect((await ran({ topContainer: top.verb }, "top", "web", "-o", "pid,cmd")).out).toBe(
    "PID       CMD\n1         sleep 9\n",
  );
  expect(top.calls).toEqual([["web", "-o pid,cmd"]]);
  const waitContainer = async () => ({ ended: Promise.resolve({ StatusCode: 7 }) });
  expect((await ran({ waitContainer }, "wait", "a", "b")).out).toBe("7\n7\n");
});

test("what the terminal would take for orders is shown, not obeyed", async () => {
  const changes = [{ Path: "/\u001b[2J", Kind: 1 }] as const;
  expect((await ran({ containerChanges: async () => changes }, "diff", "web")).out).toBe("A /\\x1b[2J\n");
});

test("info is for people, JSON or a template", async () => {
  const info = {
    ID: "x",
    Containers: 2,
    ContainersRunning: 1,
    ContainersPaused: 0,
    ContainersStopped: 1,
    Images: 3,
    Driver: "overlay2",
    MemTotal: 2 ** 31,
    Warnings: ["no swap"],
  } as SystemInfo;
  const { out, err } = await ran({ info: async () => info }, "info");
  expect(out).toContain(" Host: unix:///daemon\n");
  expect(out).toContain(" Containers: 2\n  Running: 1\n");
  expect(out).toContain(" Total Memory: 2GiB\n");
  expect(out).not.toContain("Kernel Version");
  expect(err).toBe("no swap\n");
  expect((await ran({ info: async () => info }, "info", "-f", "{{.Driver}}")).out).toBe("overlay2\n");
});

test("audit lists problems and exits with 1 while there are some", async () => {
  const item = { kind: "mount", name: "/x", owner: "", problem: "left over", repaired: false } as const;
  const audit = recorder<unknown[], (typeof item)[]>([item]);
  expect(await ran({ audit: audit.verb }, "system", "audit")).toEqual({
    status: 1,
    out: "KIND      NAME      OWNER     PROBLEM\nmount     /x        nobody    left over\n",
    err: "",
  });
  const repaired = async () => [{ ...item, repaired: true }];
  expect(await ran({ audit: repaired }, "system", "audit", "--repair")).toMatchObject({ status: 0 });
  expect((await ran({ audit: async () => [] }, "system", "audit")).out).toBe(
    "All is there, and nothing is left over.\n",
  );
});

test("system df of another daemon is Docker's account", async () => {
  const daemon = {
    diskUsage: () => Promise.reject(new SampanError("unimplemented", "has not")),
    dockerDiskUsage: async () => ({
      LayersSize: 3000,
      Images: [
        { Containers: 1, Size: 1000, SharedSize: 0 },
        { Containers: 0, Size: 2000, SharedSize: 0 },
      ],
      Containers: [
        { State: "running", SizeRw: 5 },
        { State: "exited", SizeRw: 7 },
      ],
      Volumes: [{ UsageData: { Size: 50, RefCount: 0 } }],
      BuildCache: null,
    }),
  } as unknown as Fake;
  expect((await ran(daemon, "system", "df")).out).toBe(
    [
      "TYPE            TOTAL     ACTIVE    SIZE      RECLAIMABLE",
      "Images          2         1         3kB       2kB (66%)",
      "Containers      2         1         12B       7B (58%)",
      "Local Volumes   1         0         50B       50B (100%)",
      "Build Cache     0         0         0B        0B",
      "",
    ].join("\n"),
  );
});

test("system prune takes all kinds, and no garbage when there are filters", async () => {
  const asked: string[] = [];
  const pruned =
    (name: string) =>
    async (...args: unknown[]) => {
      asked.push(`${name} ${JSON.stringify(args)}`);
      return { deleted: [], removed: [], reclaimed: 10 };
    };
  const daemon = {
    pruneContainers: pruned("containers"),
    pruneNetworks: async () => (asked.push("networks"), ["own"]),
    pruneVolumes: pruned("volumes"),
    pruneImages: pruned("images"),
    pruneSystem: async () => (asked.push("garbage"), { removed: [], reclaimed: 5 }),
  } as unknown as Fake;
  expect((await ran(daemon, "system", "prune", "-f")).out).toBe(
    "Deleted:\nown\n\nTotal reclaimed space: 25B\n",
  );
  expect(asked.splice(0)).toEqual([
    'containers [{"filters":{}}]',
    "networks",
    'images [{"all":false,"filters":{}}]',
    "garbage",
  ]);
  await ran(daemon, "system", "prune", "-f", "--volumes", "--filter", "until=1h", "--filter", "label=a");
  expect(asked).toEqual([
    'containers [{"filters":{"until":["1h"],"label":["a"]}}]',
    "networks",
    'volumes [{"label":["a"]}]',
    'images [{"all":false,"filters":{"until":["1h"],"label":["a"]}}]',
  ]);
});

test("inspect finds networks and volumes too, and names what it cannot find", async () => {
  const missing = () => Promise.reject(new SampanError("not_found", "Error response from daemon: none"));
  const daemon: Fake = {
    inspectContainer: missing,
    inspectImage: missing,
    inspectNetwork: missing,
    inspectVolume: async () => volume,
  };
  expect((await ran(daemon, "inspect", "-f", "{{.Mountpoint}}", "data")).out).toBe("/v/data\n");
  expect((await ran({ ...daemon, inspectVolume: missing }, "inspect", "data")).err).toContain(
    'cannot inspect "data"',
  );
  expect((await ran(daemon, "inspect", "--type", "network", "data")).status).toBe(1);
});

test("an exec in the background is not attached to", async () => {
  const create = recorder<unknown[], string>("e1");
  const start = recorder<unknown[], void>(undefined);
  await ran(
    { createExec: create.verb, startExecDetached: start.verb },
    "exec",
    "-d",
    "-u",
    "me",
    "-e",
    "A=b",
    "web",
    "ls",
    "-l",
  );
  expect(create.calls).toEqual([
    [
      "web",
      {
        Cmd: ["ls", "-l"],
        Tty: false,
        Privileged: false,
        AttachStdin: false,
        AttachStdout: false,
        AttachStderr: false,
        Env: ["A=b"],
        User: "me",
      },
    ],
  ]);
  expect(start.calls).toEqual([["e1", { tty: false }]]);
});

test("stats shows the processor against each one's limit where that is asked for", async () => {
  const sample = {
    id: "ab".repeat(32),
    name: "/web",
    cpu_stats: { cpu_usage: { total_usage: 3e9 }, system_cpu_usage: 24e9, online_cpus: 4 },
    precpu_stats: { cpu_usage: { total_usage: 2e9 }, system_cpu_usage: 16e9 },
  };
  const { calls, verb } = recorder<[string], unknown>({ Id: sample.id, HostConfig: { NanoCpus: 2e9 } });
  const daemon: Fake = {
    stats: async function* () {
      yield sample;
    },
    inspectContainer: verb as never,
  };
  const bare = await ran(daemon, "stats", "--no-stream", "--format", "{{.CPUPerc}} {{.CPUHostPerc}}", "web");
  expect([bare.out, calls]).toEqual(["50.00% 12.50%\n", []]);
  const table = await ran(daemon, "stats", "--no-stream", "--limits", "web");
  expect(table.out.split("\n").map((line) => line.split(/ {2,}/).slice(2, 5))).toEqual([
    ["CPU %", "CPU % LIMIT", "CPU % HOST"],
    ["50.00%", "25.00%", "12.50%"],
    [],
  ]);
  expect(calls).toEqual([["web"]]);
  const { out } = await ran(daemon, "stats", "--no-stream", "--format", "json", "web");
  expect(JSON.parse(out)).toMatchObject({ CPULimit: "2", CPULimitPerc: "25.00%", CPUHostPerc: "12.50%" });
});

test("stats looks at the limits of what it shows again when they change", async () => {
  const id = "ab".repeat(32);
  const stop = new AbortController();
  const measured = Promise.withResolvers<void>();
  const { calls, verb } = recorder<[string], unknown>({ Id: id, HostConfig: { NanoCpus: 1e9 } });
  const daemon: Fake = {
    stats: async function* () {
      measured.resolve();
      yield { id, cpu_stats: {} };
    },
    inspectContainer: verb as never,
    events: async function* ({ filters }) {
      await measured.promise;
      expect(filters).toEqual({ type: ["container"], event: ["update"] });
      yield { Action: "update", Actor: { ID: id } } as EventMessage;
      stop.abort(new SampanError("cancelled", "enough"));
    },
  };
  await sampan(["stats", "--limits", "web"], { daemon, signal: stop.signal });
  expect(calls).toEqual([["web"], [id]]);
});
