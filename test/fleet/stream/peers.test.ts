/** Several processes of a cloud on one API: the one that is asked is not the one at which the node's tunnel ends. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type AddressInfo, createServer } from "node:net";
import { PassThrough, Readable } from "node:stream";
import { connect } from "node:tls";
import { Exec, KubeConfig, PortForward, type V1Status } from "@kubernetes/client-node";
import { peerHeader, peerPaths } from "../../../src/fleet/cloud/stream/peer-door.ts";
import { readBody, readHead } from "../../../src/wire/channels/head.ts";
import { openSite, type Site } from "./_site.ts";
import { until } from "../until.ts";

let site: Site;

async function textOf(stream: Readable): Promise<string> {
  let text = "";
  for await (const piece of stream) text += String(piece);
  return text;
}

/** What the API answers its administrator. */
async function get(path: string): Promise<Response> {
  const { authority, url } = site.api;
  const pair = await authority.issueClient({ user: "admin", groups: ["system:masters"] });
  const tls = { ca: authority.ca, cert: pair.certificate, key: pair.key };
  return await fetch(`${url}${path}`, { tls });
}

const logs = async (pod: string, query = "") =>
  await get(`/api/v1/namespaces/default/pods/${pod}/log${query}`);
const figures = async (of: "nodes" | "pods") =>
  await (await get(`/apis/metrics.k8s.io/v1beta1/${of}`)).json();

function config(): KubeConfig {
  const loaded = new KubeConfig();
  loaded.loadFromFile(site.kubeconfig);
  return loaded;
}

for (const [name, elsewhere] of [
  ["a process with tunnels of its own", "both"],
  ["the API alone", "follow"],
] as const)
  describe(name, () => {
    beforeAll(async () => {
      site = await openSite({ elsewhere });
      await site.edge("edge-1");
      expect(site.cloud.connected()).toEqual([]);
    });
    afterAll(async () => await site[Symbol.asyncDispose]());

    test("gives logs of a node whose tunnel ends at another", async () => {
      const answer = await logs("web");
      expect([answer.status, await answer.text()]).toEqual([200, "first line\nsecond line\n"]);
    });

    test("gives logs as they come, and the node hears when nobody reads any more", async () => {
      const answer = await logs("web", "?follow=true");
      const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
      let said = "";
      const next = async (words: string) => {
        while (!said.includes(words)) said += Buffer.from((await reader.read()).value ?? []).toString();
      };
      await next("second line\n");
      await until(() => site.pods.open.size === 1);
      site.pods.say("a third");
      await next("a third\n");
      await reader.cancel();
      await until(() => site.pods.open.size === 0);
    });

    test("carries a command with its input, output, errors and status", async () => {
      const [out, err] = [new PassThrough(), new PassThrough()];
      const ended = Promise.withResolvers<V1Status>();
      const texts = Promise.all([textOf(out), textOf(err)]);
      const command = ["sh", "-c", "read word; echo $word; echo err >&2; exit 4"];
      const input = Readable.from(["word\n"]);
      const done = (status: V1Status) => {
        ended.resolve(status);
        out.end();
        err.end();
      };
      const socket = await new Exec(config()).exec(
        ...(["default", "web", "main", command, out, err, input, false, done] as const),
      );
      const status = await ended.promise;
      expect(status.details?.causes).toEqual([{ reason: "ExitCode", message: "4" }]);
      expect(await texts).toEqual(["word\n", "err\n"]);
      socket.close();
    });

    test("carries a port", async () => {
      const server = createServer((socket) => {
        socket.on("error", () => {});
        socket.on("data", (data) => socket.write(`echo ${data.toString()}`));
      });
      await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as AddressInfo;
      const [input, output, errors] = [new PassThrough(), new PassThrough(), new PassThrough()];
      const answer = new Promise<string>((resolve) =>
        output.once("data", (data: Buffer) => resolve(data.toString())),
      );
      const forward = new PortForward(config());
      const opened = await forward.portForward("default", "web", [port], output, errors, input);
      input.write("hello");
      expect(await answer).toBe("echo hello");
      (typeof opened === "function" ? opened() : opened)?.close();
      server.close();
    });

    test("gives the figures of a node whose tunnel ends at another, and of its own pods alone", async () => {
      await until(async () => JSON.stringify(await figures("nodes")).includes("edge-1"));
      const said = JSON.stringify(await figures("pods"));
      expect(said).toContain('"web"');
      expect(said).not.toContain("of-another-node");
    });

    test("says what the kubelet there says", async () => {
      const answer = await logs("gone");
      expect([answer.status, await answer.text()]).toEqual([404, expect.stringContaining("gone")]);
    });

    test("answers 503 for a node whose tunnel ends nowhere", async () => {
      const answer = await logs("of-another-node");
      expect(answer.status).toBe(503);
      expect(await answer.text()).toContain("nor at another one");
    });
  });

describe("the tunnels' port", () => {
  beforeAll(async () => {
    site = await openSite({ elsewhere: "both" });
    await site.edge("edge-1");
  });
  afterAll(async () => await site[Symbol.asyncDispose]());

  /** What a path of the processes is answered, with a certificate of this user and group; without one for none. */
  async function asked(path: string, who?: readonly [user: string, group: string], request?: object) {
    const { authority } = site.api;
    const pair = who && (await authority.issueClient({ user: who[0], groups: [who[1]] }));
    const socket = connect({
      host: "127.0.0.1",
      port: site.ports.port,
      ca: authority.ca,
      ...(pair ? { cert: pair.certificate, key: pair.key } : {}),
    });
    socket.on("error", () => {});
    const { signal } = new AbortController();
    const lines = request
      ? `Connection: Upgrade\r\nUpgrade: sampan-stream\r\n${peerHeader}: ${Buffer.from(JSON.stringify(request)).toString("base64url")}\r\n`
      : "Connection: close\r\n";
    socket.write(`GET ${path} HTTP/1.1\r\nHost: cloud\r\n${lines}\r\n`);
    try {
      const head = await readHead(socket, signal);
      return [head.status, head.status === 101 ? "" : await readBody(socket, head, { signal })] as const;
    } finally {
      socket.destroy();
    }
  }

  const peer = ["sampan:cloud", "sampan:clouds"] as const;
  const node = ["system:node:edge-2", "system:nodes"] as const;
  const request = { type: "logs", path: "/containerLogs/default/web/main", query: "" };

  test("tells processes of the cloud which tunnels end there", async () => {
    expect(await asked(`${peerPaths.nodes}edge-1`, peer)).toEqual([200, '{"ours":true}']);
    expect((await asked(`${peerPaths.nodes}edge-2`, peer))[0]).toBe(404);
    expect((await asked(`${peerPaths.nodes}..%2f`, peer))[0]).toBe(404);
    expect(await asked(peerPaths.nodes, peer)).toEqual([200, '{"nodes":[{"node":"edge-1","ours":true}]}']);
  });

  test("gives nothing to nodes, nor to who has no certificate", async () => {
    for (const who of [node, undefined, ["sampan:cloud", "system:nodes"] as const]) {
      expect((await asked(`${peerPaths.nodes}edge-1`, who))[0]).toBe(401);
      expect(await asked(peerPaths.nodes, who)).toEqual([401, "{}"]);
      expect((await asked(`${peerPaths.streams}edge-1`, who, request))[0]).toBe(401);
    }
    expect(site.pods.asked).toEqual([]);
  });

  test("refuses what is no request of a tunnel", async () => {
    for (const wrong of [
      {},
      { ...request, type: "other" },
      { ...request, path: "x" },
      { ...request, query: 1 },
      { ...request, headers: { a: "b" } },
      { ...request, headers: [["a"]] },
    ])
      expect((await asked(`${peerPaths.streams}edge-1`, peer, wrong))[0]).toBe(400);
    expect(site.pods.asked).toEqual([]);
  });

  test("gives processes of the cloud what is a request", async () => {
    expect((await asked(`${peerPaths.streams}edge-2`, peer, request))[0]).toBe(404);
    expect((await asked(`${peerPaths.streams}edge-1`, peer, request))[0]).toBe(101);
    await until(() => site.pods.asked.length === 1);
  });
});
