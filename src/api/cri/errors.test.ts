import { expect, test } from "bun:test";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { codes, invalid, SampanError } from "../../base/errors.ts";
import { translated } from "./errors.ts";

const context = {} as HandlerContext;
const numbers: Readonly<Record<string, Code>> = { cancelled: Code.Canceled, not_found: Code.NotFound };

test("each of our codes is gRPC's of the same name", async () => {
  const names = new Set<Code>();
  for (const code of codes) {
    const { call } = translated(
      {
        call: async (_request: unknown, _context: HandlerContext) =>
          await Promise.reject(new SampanError(code, "x")),
      },
      () => undefined,
    );
    const error = (await call({}, context).catch((caught: unknown) => caught)) as ConnectError;
    expect(error).toBeInstanceOf(ConnectError);
    expect(error.code).toBe(numbers[code] ?? error.code);
    names.add(error.code);
  }
  expect(names.size).toBe(codes.length);
});

test("a call that throws at once, and a stream that ends with an error, are refused the same way", async () => {
  const calls = translated(
    {
      atOnce: (_request: unknown, _context: HandlerContext): object => {
        throw invalid("no");
      },
      async *stream(_request: unknown, _context: HandlerContext) {
        yield await Promise.resolve(1);
        throw invalid("no more");
      },
    },
    () => undefined,
  );
  expect(() => calls.atOnce({}, context)).toThrow(ConnectError);
  const heard: number[] = [];
  const listen = async () => {
    for await (const each of calls.stream({}, context)) heard.push(each);
  };
  expect(await listen().catch((error: ConnectError) => error.code)).toBe(Code.InvalidArgument);
  expect(heard).toEqual([1]);
});

test("what nobody has foreseen is written down, and nothing else", async () => {
  const log: string[] = [];
  const { call } = translated(
    { call: async (request: Error, _context: HandlerContext) => await Promise.reject(request) },
    (text) => void log.push(text),
  );
  await call(invalid("expected"), context).catch(() => undefined);
  await call(new TypeError("a fault of ours"), context).catch(() => undefined);
  expect(log).toEqual(["cri: call: a fault of ours"]);
});

test("a message is cut where a header could not carry it", async () => {
  const { call } = translated(
    {
      call: async (_request: unknown, _context: HandlerContext) =>
        await Promise.reject(invalid("x".repeat(100_000))),
    },
    () => undefined,
  );
  const error = (await call({}, context).catch((caught: unknown) => caught)) as ConnectError;
  expect(error.rawMessage).toHaveLength(4000);
});
