/** Go's text/template grammar without define, template and block, which a format string has no use for. */
import { functions } from "./functions.ts";
import { type Piece, pieces, type Token } from "./tokens.ts";
import type { Command, Node, Operand, Pipe } from "./tree.ts";
import { wrongAt } from "./wrong.ts";

/** How deep parentheses and blocks may go. */
const deepest = 100;

/** Errors: `invalid_argument` with line and column. */
export function parseTemplate(source: string): readonly Node[] {
  return new Blocks(source).parse();
}

class Blocks {
  private readonly source: string;
  private readonly pieces: readonly Piece[];
  private next = 0;

  constructor(source: string) {
    this.source = source;
    this.pieces = pieces(source);
  }

  parse(): readonly Node[] {
    const { nodes, stop } = this.list({ depth: 0, inRange: false });
    if (stop) throw wrongAt(this.source, stop.at, `{{${stop.word}}} has nothing to close`);
    return nodes;
  }

  /** Nodes up to `end` or `else`, which the caller takes. */
  private list(where: { depth: number; inRange: boolean }) {
    const nodes: Node[] = [];
    for (; this.next < this.pieces.length;) {
      const piece = this.pieces[this.next++];
      if (!piece) break;
      if (piece.kind === "text") {
        nodes.push(piece);
        continue;
      }
      const words = new Words(this.source, piece.at, piece.tokens);
      const word = words.keyword();
      if (word === "end" || word === "else") return { nodes, stop: { word, at: piece.at, words } };
      nodes.push(this.node(word, words, where));
    }
    return { nodes, stop: undefined };
  }

  private node(word: string | undefined, words: Words, where: { depth: number; inRange: boolean }): Node {
    if (word === "break" || word === "continue") {
      if (!where.inRange) throw wrongAt(this.source, words.start, `{{${word}}} stands outside of a range`);
      words.done();
      return { kind: word, at: words.start };
    }
    if (word !== "if" && word !== "with" && word !== "range") {
      const pipe = words.pipe();
      words.done();
      return { kind: "print", pipe };
    }
    return this.block(word, words, where);
  }

  private block(
    kind: "if" | "with" | "range",
    words: Words,
    where: { depth: number; inRange: boolean },
  ): Node {
    if (where.depth >= deepest) throw wrongAt(this.source, words.start, "blocks lie too deep");
    const pipe = words.pipe();
    words.done();
    const inside = { depth: where.depth + 1, inRange: where.inRange || kind === "range" };
    const { nodes: body, stop } = this.list(inside);
    if (!stop) throw wrongAt(this.source, words.start, `{{${kind}}} has no {{end}}`);
    if (stop.word === "end") {
      stop.words.done();
      return { kind, at: words.start, pipe, body, otherwise: [] };
    }
    const chained = stop.words.keyword();
    if (chained === "if" || chained === "with")
      return {
        kind,
        at: words.start,
        pipe,
        body,
        otherwise: [this.block(chained, stop.words, { ...where, depth: where.depth + 1 })],
      };
    stop.words.done();
    const rest = this.list({ ...where, depth: where.depth + 1 });
    if (rest.stop?.word !== "end") throw wrongAt(this.source, words.start, `{{${kind}}} has no {{end}}`);
    rest.stop.words.done();
    return { kind, at: words.start, pipe, body, otherwise: rest.nodes };
  }
}

const keywords = new Set([
  "if",
  "with",
  "range",
  "else",
  "end",
  "break",
  "continue",
  "define",
  "template",
  "block",
]);

/** The words of one action. */
class Words {
  readonly start: number;
  private readonly source: string;
  private readonly tokens: readonly Token[];
  private next = 0;
  private depth = 0;

  constructor(source: string, start: number, tokens: readonly Token[]) {
    this.source = source;
    this.start = start;
    this.tokens = tokens;
  }

  private get token(): Token | undefined {
    return this.tokens[this.next];
  }

  private wrong(what: string): Error {
    return wrongAt(this.source, this.token?.at ?? this.start, what);
  }

  private sign(...texts: string[]): string | undefined {
    const token = this.token;
    if (token?.kind !== "sign" || !texts.includes(token.text)) return undefined;
    this.next++;
    return token.text;
  }

  keyword(): string | undefined {
    const token = this.token;
    if (token?.kind !== "word" || !keywords.has(token.text)) return undefined;
    if (["define", "template", "block"].includes(token.text))
      throw this.wrong(`{{${token.text}}} is not for a format`);
    this.next++;
    return token.text;
  }

  done(): void {
    if (this.token) throw this.wrong(`${JSON.stringify(this.token.text)} is not expected here`);
  }

  pipe(): Pipe {
    if (this.depth++ >= deepest) throw this.wrong("parentheses lie too deep");
    const at = this.token?.at ?? this.start;
    const { variables, declares } = this.variables();
    const commands = [this.command()];
    while (this.sign("|")) commands.push(this.command());
    this.depth--;
    return { at, variables, declares, commands };
  }

  /** `$x :=`, `$x =` and `$i, $e :=`. */
  private variables(): { variables: string[]; declares: boolean } {
    const [first, comma, second] = this.tokens.slice(this.next);
    const names = comma?.text === "," ? [first, second] : [first];
    const equals = this.tokens[this.next + (comma?.text === "," ? 3 : 1)];
    if (first?.kind !== "variable" || (equals?.text !== ":=" && equals?.text !== "="))
      return { variables: [], declares: false };
    if (names.some((name) => name?.kind !== "variable" || name.text === "$"))
      throw this.wrong("wanted a variable with a name");
    this.next += comma?.text === "," ? 4 : 2;
    return { variables: names.flatMap((name) => name?.text ?? []), declares: equals.text === ":=" };
  }

  private command(): Command {
    const at = this.token?.at ?? this.start;
    const operands: Operand[] = [];
    while (this.token && !(this.token.kind === "sign" && "|)".includes(this.token.text)))
      operands.push(this.operand());
    const [first, ...rest] = operands;
    if (!first) throw this.wrong("a value is missing");
    return { at, operands: [first, ...rest] };
  }

  private operand(): Operand {
    let operand = this.single();
    for (let token = this.token; token?.kind === "field" && token.joined; token = this.token) {
      if (operand.kind === "literal") throw this.wrong("a constant has no fields");
      operand = { kind: "field", at: token.at, of: operand, name: token.text.slice(1) };
      this.next++;
    }
    if (this.token?.joined && this.token.kind !== "sign")
      throw this.wrong(`${JSON.stringify(this.token.text)} is not expected here`);
    return operand;
  }

  private single(): Operand {
    const token = this.token;
    if (!token) throw this.wrong("a value is missing");
    const { at, text } = token;
    if (this.sign("(")) {
      const pipe = this.pipe();
      if (!this.sign(")")) throw wrongAt(this.source, at, "this parenthesis is not closed");
      return { kind: "pipe", at, pipe };
    }
    if (token.kind === "sign" || (token.kind === "word" && keywords.has(text)))
      throw this.wrong(`${JSON.stringify(text)} is not expected here`);
    this.next++;
    if (token.kind === "dot") return { kind: "dot", at };
    if (token.kind === "field") return { kind: "field", at, of: { kind: "dot", at }, name: text.slice(1) };
    if (token.kind === "variable") return { kind: "variable", at, name: text };
    if (token.kind === "word") return this.word(token);
    return { kind: "literal", at, value: token.kind === "number" ? Number(text) : this.string(token) };
  }

  private word({ at, text }: Token): Operand {
    if (text === "true" || text === "false") return { kind: "literal", at, value: text === "true" };
    if (text === "nil") return { kind: "literal", at, value: null };
    if (!Object.hasOwn(functions, text))
      throw wrongAt(
        this.source,
        at,
        `there is no function "${text}"; there are ${Object.keys(functions).join(", ")}`,
      );
    return { kind: "function", at, name: text };
  }

  private string({ at, text }: Token): string | number {
    if (text.startsWith("`")) return text.slice(1, -1);
    const value = unescape(text.slice(1, -1));
    if (value === undefined) throw wrongAt(this.source, at, "this string holds an unknown escape");
    return text.startsWith("'") ? (value.codePointAt(0) ?? 0) : value;
  }
}

const escapes: Readonly<Record<string, string>> = {
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
};

function unescape(text: string): string | undefined {
  let known = true;
  const value = text.replaceAll(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|([0-7]{3})|(.))/gs,
    (_, hex?: string, unicode?: string, octal?: string, single = "") => {
      const digits = hex ?? unicode;
      if (digits) return String.fromCodePoint(Number.parseInt(digits, 16));
      if (octal) return String.fromCodePoint(Number.parseInt(octal, 8));
      known &&= Object.hasOwn(escapes, single);
      return escapes[single] ?? "";
    },
  );
  return known ? value : undefined;
}
