/** Exec, attach and port-forward into real containers, by both ways in which clients come, and what is refused. */
import { type AddressInfo, createServer } from "node:net";
import { afterAll, beforeAll, expect } from "bun:test";
import { exitCode } from "../../src/wire/channels/command.ts";
import { stopContainer } from "../../src/engine/containers/stop.ts";
import { waitContainer } from "../../src/engine/containers/wait.ts";
import { needing } from "../needs.ts";
import { ask, spdyCommand, spdyForward, spdyRun, tunnelForward, webSocket } from "./_streams.ts";
import { needs, Stage } from "./_stage.ts";

const { test } = needing(needs);

const both = { stdin: false, stdout: true, stderr: true, tty: false } as const;
const all = { ...both, stdin: true } as const;
const terminal = { stdin: true, stdout: true, stderr: false, tty: true } as const;

let stage: Stage;
let pod: string;
let sleeper: string;

beforeAll(async () => {
  stage = await Stage.open();
  pod = await stage.pod();
  sleeper = await stage.start(pod, { command: "nc -ll -p 80 -e cat & exec sleep 1000" });
});
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

const words = (script: string) => ["sh", "-c", script];
const failure = async (work: Promise<unknown>) =>
  await work.then(
    () => undefined,
    (error: unknown) => error,
  );

test("an exec by SPDY has its three streams, the end of its input and its exit status", async () => {
  const url = await stage.exec({ containerId: sleeper, cmd: words("cat; echo bad >&2; exit 7"), ...all });
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/exec\/[-_A-Za-z0-9]{43}$/);
  const { stdout, stderr, status } = await spdyRun(url, all, { input: "hello\n" });
  expect([stdout, stderr, exitCode(status)]).toEqual(["hello\n", "bad\n", 7]);
  expect(status.details?.causes).toEqual([{ reason: "ExitCode", message: "7" }]);
});

test.each(["v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"])(
  "%s hears in words that a command has failed",
  async (protocol) => {
    const url = await stage.exec({ containerId: sleeper, cmd: words("echo x; exit 3"), ...both });
    const { stdout, status } = await spdyRun(url, both, { protocol });
    expect(stdout).toBe("x\n");
    expect(status.message).toContain("exit status 3");
  },
);

test("an exec by WebSocket: v5 ends the input, and tells the status", async () => {
  const url = await stage.exec({ containerId: sleeper, cmd: words("cat; echo bad >&2; exit 9"), ...all });
  using talk = await webSocket(url, ["v5.channel.k8s.io"]);
  expect(talk.protocol).toBe("v5.channel.k8s.io");
  talk.send(0, "hello\n");
  talk.send(255, Uint8Array.of(0));
  await talk.closed;
  expect([talk.came.get(1), talk.came.get(2)]).toEqual(["hello\n", "bad\n"]);
  expect(JSON.parse(talk.came.get(3) ?? "")).toMatchObject({
    reason: "NonZeroExitCode",
    details: { causes: [{ reason: "ExitCode", message: "9" }] },
  });
});

test("a terminal has the size that its client says", async () => {
  const url = await stage.exec({
    containerId: sleeper,
    cmd: words("until [ \"$(stty size 2>/dev/null)\" = '43 132' ]; do sleep 0.01; done; stty size; tty"),
    ...terminal,
  });
  const command = await spdyCommand(url, terminal);
  await command.resize({ width: 132, height: 43 });
  let text = "";
  for await (const { data } of command.output) text += Buffer.from(data).toString();
  expect(text).toStartWith("43 132\r\n/dev/pts/");
  expect(exitCode(await command.status)).toBe(0);
  command.close();
});

test("what cannot be executed is told as an error of the server, not as an exit status", async () => {
  const url = await stage.exec({ containerId: sleeper, cmd: ["/no/such/program"], ...both });
  const { status } = await spdyRun(url, both);
  expect(status).toMatchObject({ status: "Failure", reason: "InternalError", code: 500 });
  expect(status.message).toStartWith("Internal error occurred: error executing command in container: ");
  expect(status.message).toContain("/no/such/program");
});

test("an exec is killed when its client goes", async () => {
  const url = await stage.exec({
    containerId: sleeper,
    cmd: words("echo on; exec sleep 4321"),
    ...both,
  });
  const command = await spdyCommand(url, both);
  for await (const { data } of command.output) {
    expect(Buffer.from(data).toString()).toBe("on\n");
    break;
  }
  command.close();
  const gone = "while ps | grep -q '[s]leep 4321'; do sleep 0.01; done";
  expect((await stage.execSync(sleeper, gone)).exitCode).toBe(0);
});

test("a client that reads late loses nothing", async () => {
  const size = 32 << 20;
  const script = `touch /writes; head -c ${size} /dev/zero; touch /written`;
  const url = await stage.exec({ containerId: sleeper, cmd: words(script), ...both });
  const command = await spdyCommand(url, both);
  const look = "until [ -e /writes ]; do sleep 0.01; done; ls /written";
  expect((await stage.execSync(sleeper, look)).exitCode).toBe(1);
  let length = 0;
  for await (const { data } of command.output) length += data.byteLength;
  expect([length, exitCode(await command.status)]).toEqual([size, 0]);
  command.close();
});

test("an attached client sees what the container says from then on, and its end", async () => {
  const id = await stage.start(pod, {
    command: 'while read line; do echo "heard $line"; [ $line = end ] && exit 5; done',
    body: { OpenStdin: true },
  });
  const streams = { ...all, stderr: false };
  const command = await spdyCommand(await stage.attach({ containerId: id, ...streams }), streams);
  await command.write(Buffer.from("one\n"));
  let text = "";
  for await (const { data } of command.output) {
    text += Buffer.from(data).toString();
    if (text === "heard one\n") await command.write(Buffer.from("end\n"));
  }
  expect(text).toBe("heard one\nheard end\n");
  expect(await command.status).toMatchObject({ status: "Success" });
  command.close();
});

test("the end of a client's input ends that of a container which has it once, else the attachment alone", async () => {
  const made = (StdinOnce: boolean) => ({ command: "cat; echo over", body: { OpenStdin: true, StdinOnce } });
  const once = await stage.start(pod, made(true));
  const { stdout } = await spdyRun(await stage.attach({ containerId: once, ...all }), all, { input: "in\n" });
  expect(stdout).toBe("in\nover\n");
  const open = await stage.start(pod, made(false));
  const first = await spdyRun(await stage.attach({ containerId: open, ...all }), all, { input: "" });
  expect(first).toMatchObject({ stdout: "", status: { status: "Success" } });
  expect(stage.world.engine.containers.get(open).state).toBe("running");
  using again = await webSocket(await stage.attach({ containerId: open, ...all }), ["v4.channel.k8s.io"]);
  again.send(0, "still here\n");
  await again.hear(1, "still here\n");
  await stopContainer(stage.world.engine, open, { timeout: 0 });
  await again.closed;
});

test("an attached client of a container without input is not left at the end of its own", async () => {
  const id = await stage.start(pod, {
    command: "until [ -e /go ]; do echo tick; sleep 0.01; done; echo gone",
  });
  const command = await spdyCommand(await stage.attach({ containerId: id, ...all }), all);
  await command.write(Buffer.from("nobody reads"));
  await command.endInput();
  let text = "";
  for await (const { data } of command.output) {
    if (text === "") await stage.execSync(id, "touch /go");
    text += Buffer.from(data).toString();
  }
  expect(text).toEndWith("gone\n");
  expect(await command.status).toMatchObject({ status: "Success" });
  command.close();
});

test.each([
  ["SPDY", spdyForward],
  ["SPDY in a WebSocket", tunnelForward],
])(
  "a port of the pod's own loopback is reached by %s, and one where nobody listens is told of",
  async (_way, dial) => {
    const client = await dial(await stage.portForward({ podSandboxId: pod }));
    for (const text of ["one", "two"]) {
      const { data, failure: told } = await client.connect(80);
      await data.write(Buffer.from(text));
      await data.end();
      let heard = "";
      for await (const piece of data.input) heard += Buffer.from(piece).toString();
      expect([heard, await told]).toEqual([text, undefined]);
    }
    const { failure: told } = await client.connect(81);
    expect(await told).toContain("81");
    client.close();
  },
);

test("of a pod with the host's network it is the host's port", async () => {
  const server = createServer((socket) => socket.pipe(socket));
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const host = await stage.pod({ name: "host", uid: "u2", network: "host" });
  const client = await spdyForward(await stage.portForward({ podSandboxId: host }));
  const { data } = await client.connect(port);
  await data.write(Buffer.from("here"));
  await data.end();
  let heard = "";
  for await (const piece of data.input) heard += Buffer.from(piece).toString();
  expect(heard).toBe("here");
  client.close();
  server.close();
});

test("a pod that is stopped is reached no more", async () => {
  const gone = await stage.pod({ name: "gone", uid: "u3" });
  const url = await stage.portForward({ podSandboxId: gone });
  await stage.world.engine.pods.stop(gone);
  expect(await failure(stage.portForward({ podSandboxId: gone }))).toMatchObject({
    code: "failed_precondition",
  });
  const client = await spdyForward(url);
  expect(await (await client.connect(80)).failure).toContain("it does not run");
  client.close();
});

test("a port is reached by WebSocket too", async () => {
  const url = await stage.portForward({ podSandboxId: pod, port: [80] });
  using talk = await webSocket(url, ["v4.channel.k8s.io"]);
  talk.send(0, "ping");
  await talk.hear(0, "ping");
  expect(talk.came.get(0)).toBe("P\0ping");
});

test("an address is there once, for what it was given for", async () => {
  const url = await stage.exec({ containerId: sleeper, cmd: words("echo x"), ...both });
  expect((await ask(url.replace("/exec/", "/attach/"), { method: "GET" })).status).toBe(404);
  expect((await failure(spdyRun(url, both)))?.toString()).toContain("404");
  const next = await stage.exec({ containerId: sleeper, cmd: words("echo x"), ...both });
  expect((await spdyRun(next, both)).stdout).toBe("x\n");
  expect((await failure(spdyRun(next, both)))?.toString()).toContain("404");
});

test("what is no upgrade is refused", async () => {
  const url = await stage.exec({ containerId: sleeper, cmd: words("echo x"), ...both });
  expect((await ask(url, { method: "PUT" })).status).toBe(405);
  expect((await ask(url.replace(/exec.*/, ""), { method: "GET" })).status).toBe(404);
  const plain = await ask(url, { method: "GET" });
  expect([plain.status, plain.body]).toEqual([
    400,
    "unable to upgrade: missing upgrade headers in request\n",
  ]);
  const odd = await stage.exec({ containerId: sleeper, cmd: words("echo x"), ...both });
  const headers = { Connection: "Upgrade", Upgrade: "SPDY/3.1", "X-Stream-Protocol-Version": "v9" };
  expect((await ask(odd, { headers })).status).toBe(400);
});

test("requests that cannot be are refused before an address is given", async () => {
  const cmd = ["true"];
  const none = { stdin: false, stdout: false, stderr: false, tty: false };
  const code = async (work: Promise<unknown>) =>
    ((await failure(work)) as { code?: string } | undefined)?.code;
  expect(await code(stage.exec({ containerId: sleeper, cmd, ...both, tty: true }))).toBe("invalid_argument");
  expect(await code(stage.exec({ containerId: sleeper, cmd, ...none }))).toBe("invalid_argument");
  expect(await code(stage.exec({ containerId: "", cmd, ...both }))).toBe("invalid_argument");
  expect(await code(stage.exec({ containerId: "f".repeat(64), cmd, ...both }))).toBe("not_found");
  expect(await code(stage.portForward({ podSandboxId: pod, port: [70_000] }))).toBe("invalid_argument");
  const made = await stage.container(pod, { command: "exit 0" });
  expect(await failure(stage.exec({ containerId: made, cmd, ...both }))).toMatchObject({
    code: "failed_precondition",
    message: expect.stringContaining("container is in CONTAINER_CREATED state"),
  });
  const ended = await stage.start(pod, { command: "exit 0" });
  await waitContainer(stage.world.engine, ended, "not-running");
  for (const work of [
    stage.exec({ containerId: ended, cmd, ...both }),
    stage.attach({ containerId: ended, ...both }),
    stage.execSync(ended, "true"),
    stage.reopen(ended),
  ])
    expect(await failure(work)).toMatchObject({
      code: "failed_precondition",
      message: expect.stringContaining("container is in CONTAINER_EXITED state"),
    });
  expect(await failure(stage.checkpoint(sleeper))).toMatchObject({
    code: "unimplemented",
    message: expect.stringContaining("CRIU"),
  });
});

test("a container that ended before its client came is told of", async () => {
  const id = await stage.start(pod, { command: "exec sleep 1000" });
  const url = await stage.attach({ containerId: id, ...both });
  await stopContainer(stage.world.engine, id, { timeout: 0 });
  const { status } = await spdyRun(url, both);
  expect(status.message).toStartWith("Internal error occurred: error attaching to container: ");
  expect(status.message).toContain("container is in CONTAINER_EXITED state");
});

test("execSync gives both streams and the exit status", async () => {
  expect(await stage.execSync(sleeper, "echo out; echo err >&2; exit 4")).toEqual({
    stdout: "out\n",
    stderr: "err\n",
    exitCode: 4,
  });
});

test("execSync keeps 16 MiB of a stream, and the command goes on to its end", async () => {
  const {
    stdout,
    stderr,
    exitCode: code,
  } = await stage.execSync(sleeper, "head -c 20000000 /dev/zero; echo end >&2; exit 2");
  expect([stdout.length, stderr, code]).toEqual([16 << 20, "end\n", 2]);
});

test("execSync kills what takes too long, and its children", async () => {
  const error = await failure(stage.execSync(sleeper, "sleep 7654 & sleep 7654", { timeout: 1n }));
  expect(error).toMatchObject({ code: "deadline_exceeded" });
  const gone = "while ps | grep -q '[s]leep 7654'; do sleep 0.01; done";
  expect((await stage.execSync(sleeper, gone)).exitCode).toBe(0);
});

test("execSync does not wait for a child that keeps its output open", async () => {
  const { stdout, exitCode: code } = await stage.execSync(sleeper, "sleep 8765 & echo done");
  expect([stdout, code]).toEqual(["done\n", 0]);
  await stage.execSync(sleeper, "pkill -f 'sleep 8765'");
});

test("execSync that ends its own container has an end", async () => {
  for (let round = 0; round < 10; round++) {
    const id = await stage.start(pod, { command: "until [ -e /go ]; do sleep 0.01; done" });
    const { exitCode: code } = await stage.execSync(id, "touch /go; exec sleep 1000");
    expect(code).toBe(137);
    await waitContainer(stage.world.engine, id, "not-running");
  }
});

test("execSync ends with the call that asked for it", async () => {
  const stop = new AbortController();
  const error = failure(stage.execSync(sleeper, "touch /begun; exec sleep 9876", { signal: stop.signal }));
  await stage.execSync(sleeper, "until [ -e /begun ]; do sleep 0.01; done");
  stop.abort();
  expect(await error).toMatchObject({ code: "cancelled" });
  const gone = "while ps | grep -q '[s]leep 9876'; do sleep 0.01; done";
  expect((await stage.execSync(sleeper, gone)).exitCode).toBe(0);
});
