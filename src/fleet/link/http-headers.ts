/** Header lines of HTTP as they travel in messages: Go's map of lists. What could end a line, or begin another one, is refused. */
import { line, list, map, plain, type Codec } from "./codec.ts";
import { refused } from "./json.ts";

export type Headers = Readonly<Record<string, readonly string[]>>;

const most = { name: 256, value: 16_384, values: 1000 } as const;

/** RFC 9110, 5.6.2: a token. */
const name = line({ most: most.name, like: /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, wanted: "a header's name" });

/** RFC 9110, 5.5: a tab is the only control character of a value. */
// oxlint-disable-next-line no-control-regex
const notInValue = /[\u0000-\u0008\u000a-\u001f\u007f]/;

const value: Codec<string> = plain((given, at) => {
  if (typeof given !== "string" || given.length > most.value || notInValue.test(given))
    throw refused(at, given, "a header's value");
  return given;
});

export const headers: Codec<Headers> = map(list(value, most.values), name);
