import { describe, expect, test } from "bun:test";
import { decode, encode, type Packet, type RecordType } from "dns-packet";
import { handlerOf } from "./respond.ts";
import { emptyTable, type ResolverTable } from "./table.ts";

const many = Array.from({ length: 90 }, (_, i) => `10.0.1.${i}`);
const member = { networks: ["one"], links: {}, outside: true, dns: [] };
const table: ResolverTable = {
  ...emptyTable,
  listen: ["10.0.0.1"],
  members: {
    a: { ...member, addresses: ["10.0.0.2"] },
    inner: { ...member, addresses: ["10.0.0.3"], outside: false },
    own: { ...member, addresses: ["10.0.0.4"], dns: ["9.9.9.9", "10.0.0.1"] },
  },
  networks: { one: { web: ["10.0.0.5"], many } },
};

function place(answer?: Uint8Array) {
  const asked: (readonly string[])[] = [];
  const handler = handlerOf(() => table, {
    hostServers: () => ["192.0.2.53", "10.0.0.1"],
    forwarder: {
      ask: (_, { servers }) => {
        asked.push(servers);
        return Promise.resolve(answer);
      },
    },
  });
  const ask = async (
    name: string,
    { from = "10.0.0.2", byStream = false, additionals = [] as Packet["additionals"] } = {},
  ) => {
    const questions = [{ name, type: "A" as RecordType }];
    const query = encode({ type: "query", id: 7, flags: 256, questions, additionals: additionals ?? [] });
    const said = await handler(query, { address: from, byStream });
    return said && (decode(Buffer.from(said)) as unknown as Packet & { rcode: string; flag_tc: boolean });
  };
  return { asked, handler, ask };
}

describe("an answer", () => {
  test("has the question's id and is not asked of others when it is known here", async () => {
    const { ask, asked } = place();
    expect(await ask("web")).toMatchObject({ id: 7, rcode: "NOERROR", answers: [{ data: "10.0.0.5" }] });
    expect(await ask("nobody")).toMatchObject({ rcode: "NXDOMAIN" });
    expect(await ask("web", { from: "10.0.0.77" })).toMatchObject({ rcode: "REFUSED" });
    expect(await ask("outside.example", { from: "10.0.0.3" })).toMatchObject({ rcode: "NXDOMAIN" });
    expect(asked).toEqual([]);
  });

  test("comes from the host's servers or those that the container wants, never from ourselves, and says so when none answers", async () => {
    const { ask, asked } = place();
    expect(await ask("outside.example")).toMatchObject({ rcode: "SERVFAIL" });
    await ask("outside.example", { from: "10.0.0.4" });
    expect(asked).toEqual([["192.0.2.53"], ["9.9.9.9"]]);
  });

  test("that is too long for a datagram is told to be asked for by TCP", async () => {
    const { ask } = place();
    expect(await ask("many")).toMatchObject({ flag_tc: true, answers: [] });
    expect((await ask("many", { byStream: true }))?.answers).toHaveLength(90);
    const wide = encode({
      type: "response",
      id: 7,
      questions: [{ name: "outside.example", type: "A" }],
      answers: many.map((data) => ({ type: "A", name: "outside.example", data })),
    });
    expect(await place(wide).ask("outside.example")).toMatchObject({ flag_tc: true, answers: [] });
  });
});

test("what is no question is answered with nothing or a refusal, and never stops the rest", async () => {
  const { handler, ask } = place();
  let seed = 1;
  const random = () => (seed = (seed * 48_271) % 2_147_483_647) % 256;
  const whole = encode({ type: "query", id: 7, questions: [{ name: "web.example", type: "A" }] });
  for (let round = 0; round < 3000; round++) {
    const bytes = round % 2 ? Uint8Array.from({ length: random() }, random) : Uint8Array.from(whole);
    for (let hit = 0; hit < 3; hit++) bytes[random() % Math.max(1, bytes.length)] = random();
    // The listener drops what fails; here it must only end.
    await handler(bytes, { address: "10.0.0.2", byStream: false }).catch(() => undefined);
  }
  expect(await handler(new Uint8Array(), { address: "10.0.0.2", byStream: false })).toBeUndefined();
  expect(await ask("web")).toMatchObject({ rcode: "NOERROR" });
});
