import { describe, expect, test } from "bun:test";
import { fullConfig } from "./_sample.ts";
import { formatDocument, parseConfig, parseDocument } from "./parse.ts";

function parsed(number: string): unknown {
  return parseDocument(`{"a": [${number}]}`, "x");
}

describe("an integer", () => {
  test.each(["18446744073709551615", "-9223372036854775808", "9007199254740993", "9007199254740992"])(
    "beyond 2^53 is exact as bigint: %s",
    (number) => {
      expect(parsed(number)).toEqual({ a: [BigInt(number)] });
    },
  );

  test.each(["9007199254740991", "-9007199254740991", "0", "-1", "1000000000000000"])(
    "up to 2^53 is a number: %s",
    (number) => {
      expect(parsed(number)).toEqual({ a: [Number(number)] });
    },
  );

  test.each([
    '{"a":18446744073709551615}',
    '{"a":\n\t18446744073709551615}',
    '{"b":[1,18446744073709551615]}',
    "[18446744073709551615]",
  ])("is found wherever it stands: %s", (text) => {
    expect(formatDocument(parseDocument(text, "x") as object)).toBe(text.replace(/\s/g, ""));
  });

  test("in a string is left alone", () => {
    const text = '{"a":": 18446744073709551615","b":1}';
    expect(parseDocument(text, "x")).toEqual({ a: ": 18446744073709551615", b: 1 });
  });

  test("with a fraction or an exponent stays a number", () => {
    expect(parsed("1e19, 9007199254740993.0, 1111111111111111111")).toEqual({
      a: [1e19, 9007199254740992, 1111111111111111111n],
    });
  });
});

test("a document that is written can be read back unchanged", () => {
  expect(parseConfig(formatDocument(fullConfig())) as unknown).toEqual(fullConfig());
  expect(parseConfig(formatDocument(fullConfig(), "\t")) as unknown).toEqual(fullConfig());
});

test.each(["", "{", "{'a': 1}", '{"a": 1} x', "nul"])("a text that is not JSON is refused: %p", (text) => {
  expect(() => parseConfig(text)).toThrow(
    expect.objectContaining({
      code: "invalid_argument",
      message: expect.stringMatching(/^cannot use config\.json: the document: is not JSON: ./),
    }),
  );
});
