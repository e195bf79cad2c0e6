/** The real kubectl against the embedded API, through the tunnel to an edge; by WebSocket, which new ones speak, and by SPDY, which all do. */
import { afterAll, beforeAll, expect } from "bun:test";
import { createServer, type AddressInfo } from "node:net";
import { needing, obstacle } from "../../needs.ts";
import { until } from "../until.ts";
import { openSite, type Site } from "./_site.ts";

const needs = { programs: ["kubectl"] };
const { describe } = needing(needs);
const able = obstacle(needs) === undefined;
let site: Site;

beforeAll(async () => {
  if (!able) return;
  site = await openSite();
  await site.edge("edge-1");
});
afterAll(async () => {
  if (able) await site[Symbol.asyncDispose]();
});

const ways = { WebSocket: "true", SPDY: "false" } as const;

function spawn(args: readonly string[], way: keyof typeof ways) {
  return Bun.spawn(["kubectl", ...args], {
    env: {
      ...process.env,
      KUBECONFIG: site.kubeconfig,
      HOME: site.folder,
      KUBECTL_REMOTE_COMMAND_WEBSOCKETS: ways[way],
      KUBECTL_PORT_FORWARD_WEBSOCKETS: ways[way],
    },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 50_000,
  });
}

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function kubectl(args: readonly string[], way: keyof typeof ways, input = ""): Promise<Ended> {
  const child = spawn(args, way);
  void child.stdin.write(input);
  await child.stdin.end();
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { code, out, err };
}

for (const way of ["WebSocket", "SPDY"] as const)
  describe(`kubectl by ${way}`, () => {
    const { test } = needing(needs);

    test("exec gives output, errors and the exit status", async () => {
      const script = "echo out; echo err >&2; exit 3";
      const ended = await kubectl(["exec", "web", "--", "sh", "-c", script], way);
      expect(ended).toMatchObject({ code: 3, out: "out\n" });
      expect(ended.err).toContain("err\n");
    });

    test("exec -i passes the input on, and its end", async () => {
      const input = "some words\n".repeat(50_000);
      const ended = await kubectl(["exec", "-i", "web", "--", "sha256sum"], way, input);
      const sum = new Bun.CryptoHasher("sha256").update(input).digest("hex");
      expect(ended).toMatchObject({ code: 0, out: `${sum}  -\n` });
    });

    test("exec of what is not there says so", async () => {
      const ended = await kubectl(["exec", "web", "--", "no-such-program"], way);
      expect(ended.code).not.toBe(0);
      expect(ended.err).toContain("no-such-program");
    });

    test("exec in a pod that the node does not have says so", async () => {
      const ended = await kubectl(["exec", "gone", "--", "true"], way);
      expect(ended.code).not.toBe(0);
      expect(ended.err).toContain("gone");
    });

    test("exec brings large output whole", async () => {
      const ended = await kubectl(["exec", "web", "--", "seq", "1", "300000"], way);
      expect(ended.code).toBe(0);
      expect(ended.out.length).toBe(1_988_895);
      expect(ended.out.endsWith("\n300000\n")).toBe(true);
    });

    test("exec that is left ends the process", async () => {
      const child = spawn(["exec", "web", "--", "sh", "-c", "echo ready; exec sleep 1000"], way);
      await child.stdout.getReader().read();
      expect(site.pods.open.size).toBe(1);
      child.kill("SIGKILL");
      await child.exited;
      await until(() => site.pods.open.size === 0);
    });

    test("attach -i speaks with the container", async () => {
      const ended = await kubectl(["attach", "-i", "web"], way, "hello\n");
      expect(ended.out).toContain("hello\n");
    });

    test("cp copies into the pod and out of it", async () => {
      const file = `${site.folder}/in-${way}`;
      await Bun.write(file, "content\n".repeat(10_000));
      expect(await kubectl(["cp", file, `web:${file}.pod`], way)).toMatchObject({ code: 0 });
      expect(await kubectl(["cp", `web:${file}.pod`, `${file}.back`], way)).toMatchObject({ code: 0 });
      expect(await Bun.file(`${file}.back`).text()).toBe(await Bun.file(file).text());
    });

    test("port-forward carries connections, several at a time", async () => {
      const server = createServer((socket) => {
        socket.on("error", () => {});
        socket.on("data", (data) => socket.write(`echo ${data.toString()}`));
      });
      await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as AddressInfo;
      const child = spawn(["port-forward", "web", `:${port}`], way);
      try {
        const reader = child.stdout.getReader();
        const line = Buffer.from((await reader.read()).value ?? []).toString();
        const local = Number(/127\.0\.0\.1:(\d+)/.exec(line)?.[1]);
        const said = await Promise.all(["a", "b", "c"].map(async (word) => await ask(local, word)));
        expect(said).toEqual(["echo a", "echo b", "echo c"]);
      } finally {
        child.kill();
        await child.exited;
        server.close();
      }
    });
  });

async function ask(port: number, word: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data: (_socket, data) => resolve(data.toString()),
      close: () => reject(new Error("closed")),
      error: (_socket, error) => reject(error),
    },
  });
  socket.write(word);
  const answer = await promise;
  socket.end();
  return answer;
}

describe("kubectl", () => {
  const { test } = needing(needs);

  test("logs gives what is there, with the options of the kubelet", async () => {
    const ended = await kubectl(["logs", "web", "--tail=7", "--timestamps"], "SPDY");
    expect(ended).toEqual({ code: 0, out: "first line\nsecond line\n", err: "" });
    const asked = site.pods.asked.findLast((each) => each.startsWith("logs"));
    expect(asked).toContain('"timestamps":true,"tailLines":7');
  });

  test("logs -f follows, and its end ends the stream at the edge", async () => {
    const child = spawn(["logs", "-f", "web"], "SPDY");
    const reader = child.stdout.getReader();
    let seen = "";
    const read = async (wanted: string) => {
      while (!seen.includes(wanted)) seen += Buffer.from((await reader.read()).value ?? []).toString();
    };
    await read("second line\n");
    await until(() => site.pods.open.size === 1);
    site.pods.say("a later line");
    await read("a later line\n");
    child.kill();
    await child.exited;
    await until(() => site.pods.open.size === 0);
  });

  test("logs of a pod that the node does not have says so", async () => {
    const ended = await kubectl(["logs", "gone"], "SPDY");
    expect(ended.code).not.toBe(0);
    expect(ended.err).toContain('there is no pod "gone" here');
  });

  test("logs of one of several containers wants its name", async () => {
    expect((await kubectl(["logs", "two", "-c", "nothing"], "SPDY")).err).toContain("nothing is not valid");
  });

  test("says which node has no tunnel", async () => {
    const ended = await kubectl(["logs", "of-another-node"], "SPDY");
    expect(ended.code).not.toBe(0);
    expect(ended.err).toContain('cannot reach node "edge-2"');
  });

  test("top shows the node and its own pods, also to who asks first", async () => {
    expect((await kubectl(["top", "nodes"], "SPDY")).out).toContain("512Mi");
    const { out } = await kubectl(["top", "pods"], "SPDY");
    expect(out).toContain("64Mi");
    expect(out).not.toContain("of-another-node");
  });
});
