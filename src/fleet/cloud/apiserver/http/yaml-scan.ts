/** What composing a YAML document would cost, from its words alone: the composer recurses with the nesting, and takes far more time and memory for a word than JSON's parser. */
import { CST, Lexer } from "yaml";
import { KubeError } from "../../../../spec/kubernetes/kube.ts";
import { maxDepth } from "./json-scan.ts";

/** Words, blanks and line ends of a document: some twenty thousand lines. Longer texts in few words are no burden. */
const maxTokens = 150_000;
/** Each is looked for from the document's beginning on. */
const maxAliases = 1000;
const tooMany = (limit: number, what: string) =>
  new KubeError("RequestEntityTooLarge", `the YAML has more than ${limit} ${what}, send JSON instead`);

/** KubeError `BadRequest` when nested deeper than JSON may be, `RequestEntityTooLarge` for too many words. The text need not be valid. */
export function scanYaml(text: string): void {
  const place: Place = { flows: 0, column: 0, within: [] };
  let tokens = 0;
  let aliases = 0;
  for (const token of new Lexer().lex(text)) {
    tokens += 1;
    if (tokens > maxTokens) throw tooMany(maxTokens, "tokens");
    if (CST.tokenType(token) === "alias") aliases += 1;
    if (aliases > maxAliases) throw tooMany(maxAliases, "aliases");
    if (depthAfter(place, token) > maxDepth)
      throw new KubeError("BadRequest", `the body is nested deeper than ${maxDepth}`);
  }
}

interface Place {
  /** Open brackets and braces. */
  flows: number;
  column: number;
  /** The columns in which the blocks begin that are open. */
  within: number[];
}

/** How deep the text is nested at most after one more word: a block begins in a column of its own, right of those around it. */
function depthAfter(place: Place, token: string): number {
  const type = CST.tokenType(token);
  if (type === "newline") place.column = 0;
  else {
    if (type === "flow-map-start" || type === "flow-seq-start") place.flows += 1;
    else if (type === "flow-map-end" || type === "flow-seq-end") place.flows = Math.max(0, place.flows - 1);
    else if (type !== "space" && place.flows === 0) open(place);
    place.column += token.length;
  }
  return place.flows + place.within.length;
}

function open({ within, column }: Place): void {
  while ((within.at(-1) ?? -1) >= column) within.pop();
  within.push(column);
}
