/** Answers that are a JSON value a line, as they come. */
import { SampanError } from "../../../base/errors.ts";

/** Characters that one value may have. */
const longest = 16 * 2 ** 20;

export async function* jsonLines<T>(body: AsyncIterable<Uint8Array>): AsyncGenerator<T> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of body) {
    rest += decoder.decode(bytes, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > longest)
      throw new SampanError("unavailable", "cannot read the answer: a line of it has no end");
    for (const line of lines) if (line.trim() !== "") yield parse<T>(line);
  }
  if (rest.trim() !== "") yield parse<T>(rest);
}

function parse<T>(line: string): T {
  try {
    return JSON.parse(line) as T;
  } catch (error) {
    throw new SampanError("unavailable", "cannot read the answer: it is not JSON", { cause: error });
  }
}
