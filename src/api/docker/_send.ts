/** Puts an answer on a channel. */
import type { Channel } from "./_channel.ts";
import type { Answer, Headers, Out } from "./route.ts";

type Plain = Exclude<Answer, { kind: "websocket" }>;

/** `bare`: the head alone, for HEAD. */
export async function send(
  channel: Channel,
  answer: Plain,
  { headers, bare }: { headers: Headers; bare: boolean },
): Promise<void> {
  switch (answer.kind) {
    case "empty":
      channel.head(answer.status, { ...headers, ...answer.headers, ...lengthOf(answer.status) });
      return channel.end();
    case "json":
      return whole(`${JSON.stringify(answer.value)}\n`, "application/json");
    case "text":
      return whole(answer.text, "text/plain; charset=utf-8");
    case "stream":
      return stream(channel, answer, headers);
    case "hijack":
      await answer.talk(channel.hijack(answer.type, headers));
      return channel.end();
  }

  async function whole(body: string, type: string): Promise<void> {
    const { status, headers: own } = answer as Extract<Answer, { kind: "json" | "text" }>;
    const length = String(Buffer.byteLength(body));
    channel.head(status, { ...headers, "Content-Type": type, "Content-Length": length, ...own });
    if (!bare) await channel.write(body);
    channel.end();
  }
}

/** 204 and 304 have no body by their nature. */
function lengthOf(status: number): Headers {
  return status === 204 || status === 304 ? {} : { "Content-Length": "0" };
}

async function stream(
  channel: Channel,
  { type, headers: own, write, late }: Extract<Answer, { kind: "stream" }>,
  headers: Headers,
): Promise<void> {
  const begin = () => {
    if (!channel.begun) channel.head(200, { ...headers, "Content-Type": type, ...own });
  };
  const out: Out = {
    begin,
    write: (bytes) => {
      begin();
      return channel.write(bytes);
    },
  };
  try {
    await write(out);
    begin();
  } catch (error) {
    if (!channel.begun || channel.gone.aborted || !late) throw error;
    await channel.write(late(error));
  }
  channel.end();
}
