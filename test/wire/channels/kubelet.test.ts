/** What kubelets send at the end of a command, as seen from edgecore 1.23.0: the status, then a reset of every stream, no end of any, and the end of the connection. */
import { expect, test } from "bun:test";
import { SampanError } from "../../../src/base/errors.ts";
import { exitCode, exited, type Output } from "../../../src/wire/channels/command.ts";
import { openSpdyCommand } from "../../../src/wire/channels/spdy-command.ts";
import { SpdySession } from "../../../src/wire/spdy/session.ts";
import type { SpdyStream } from "../../../src/wire/spdy/stream.ts";
import { socketPair } from "./_pair.ts";

const streams = { stdin: true, stdout: true, stderr: true, tty: false };
const protocol = "v4.channel.k8s.io";

/** Accepts a command's four streams, and hands them over by name. */
async function command(behave: (named: ReadonlyMap<string, SpdyStream>) => Promise<void>) {
  const pair = await socketPair();
  const named = new Map<string, SpdyStream>();
  new SpdySession(pair.far, {
    side: "server",
    onStream: (stream) =>
      void (async () => {
        await stream.reply();
        named.set(stream.headers["streamtype"] ?? "", stream);
        if (named.size === 4) await behave(named);
      })(),
  });
  const opened = await openSpdyCommand(pair.near, { streams, protocol });
  return { opened, [Symbol.asyncDispose]: async () => await pair[Symbol.asyncDispose]() };
}

async function outputOf(output: AsyncIterable<Output>): Promise<string> {
  let text = "";
  for await (const { stream, data } of output) text += `${stream}: ${Buffer.from(data).toString()}`;
  return text;
}

test.each([0, 3])("a command that ended with %d and whose streams were reset has ended so", async (code) => {
  await using pair = await command(async (named) => {
    await named.get("stdout")?.write(Buffer.from("out\n"));
    await named.get("error")?.write(Buffer.from(JSON.stringify(exited(code))));
    for (const stream of named.values()) stream.reset("cancel");
  });
  expect(await outputOf(pair.opened.output)).toBe("stdout: out\n");
  expect(exitCode(await pair.opened.status)).toBe(code);
  pair.opened.close();
});

test("a command whose streams were reset before it said how it ended was broken off", async () => {
  await using pair = await command(async (named) => {
    await named.get("stdout")?.write(Buffer.from("out\n"));
    for (const stream of named.values()) stream.reset("cancel");
  });
  expect(await outputOf(pair.opened.output)).toBe("stdout: out\n");
  expect(
    await pair.opened.status.then(
      () => "none",
      (error: unknown) => SampanError.from(error).code,
    ),
  ).toBe("unavailable");
  pair.opened.close();
});
