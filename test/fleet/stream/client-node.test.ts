/** What most programs on Node use, which knows the older WebSocket channels alone. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createServer, type AddressInfo } from "node:net";
import { PassThrough, Readable } from "node:stream";
import { Exec, KubeConfig, PortForward, type V1Status } from "@kubernetes/client-node";
import { openSite, type Site } from "./_site.ts";

let site: Site;
const config = new KubeConfig();
beforeAll(async () => {
  site = await openSite();
  await site.edge("edge-1");
  config.loadFromFile(site.kubeconfig);
});
afterAll(async () => await site[Symbol.asyncDispose]());

async function textOf(stream: Readable): Promise<string> {
  let text = "";
  for await (const piece of stream) text += String(piece);
  return text;
}

test("exec gives output, errors and the status", async () => {
  const [out, err] = [new PassThrough(), new PassThrough()];
  const ended = Promise.withResolvers<V1Status>();
  const texts = Promise.all([textOf(out), textOf(err)]);
  const command = ["sh", "-c", "read word; echo $word; echo err >&2; exit 4"];
  const socket = await new Exec(config).exec(
    "default",
    "web",
    "main",
    command,
    out,
    err,
    Readable.from(["word\n"]),
    false,
    (status) => {
      ended.resolve(status);
      out.end();
      err.end();
    },
  );
  const status = await ended.promise;
  expect(status.details?.causes).toEqual([{ reason: "ExitCode", message: "4" }]);
  expect(await texts).toEqual(["word\n", "err\n"]);
  socket.close();
});

test("port-forward carries a connection", async () => {
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
  const opened = await new PortForward(config).portForward("default", "web", [port], output, errors, input);
  input.write("hello");
  expect(await answer).toBe("echo hello");
  (typeof opened === "function" ? opened() : opened)?.close();
  server.close();
});

test("port-forward to a port where nobody listens says so", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => void server.close(() => resolve()));
  const [input, output, errors] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const told = new Promise<string>((resolve) =>
    errors.once("data", (data: Buffer) => resolve(data.toString())),
  );
  await new PortForward(config).portForward("default", "web", [port], output, errors, input);
  expect(await told).toContain(`nothing listens at port ${port}`);
});
