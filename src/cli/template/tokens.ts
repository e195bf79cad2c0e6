/** Splits a template into text and the words of its actions, as Go's text/template does. */
import { wrongAt } from "./wrong.ts";

export interface Token {
  readonly kind: "word" | "field" | "dot" | "variable" | "string" | "number" | "sign";
  readonly at: number;
  readonly text: string;
  /** It follows the one before without a space: `.A.B`. */
  readonly joined: boolean;
}

export type Piece =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "action"; readonly at: number; readonly tokens: readonly Token[] };

export function pieces(source: string): Piece[] {
  const found: Piece[] = [];
  let at = 0;
  let trimNext = false;
  while (at < source.length) {
    const open = source.indexOf("{{", at);
    const text = source.slice(at, open < 0 ? source.length : open);
    const left = trimNext ? text.trimStart() : text;
    const trims = open >= 0 && /^-\s/.test(source.slice(open + 2, open + 4));
    const kept = trims ? left.trimEnd() : left;
    if (kept !== "") found.push({ kind: "text", text: kept });
    if (open < 0) break;
    const inside = open + (trims ? 3 : 2);
    const comment = /^\s*\/\*[\s\S]*?\*\/\s*?(?:\s-)?\}\}/.exec(source.slice(inside))?.[0];
    if (comment) {
      trimNext = comment.endsWith(" -}}");
      at = inside + comment.length;
      continue;
    }
    const action = actionAt(source, inside);
    found.push({ kind: "action", at: open, tokens: action.tokens });
    trimNext = action.trims;
    at = action.end;
  }
  return found;
}

/** In order: the first form that fits is taken. */
const forms: readonly (readonly [Token["kind"], RegExp])[] = [
  ["string", /"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)+'/y],
  ["number", /[+-]?(?:0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)/y],
  ["field", /\.[\p{L}_][\p{L}\p{N}_]*/uy],
  ["dot", /\./y],
  ["variable", /\$(?:[\p{L}_][\p{L}\p{N}_]*)?/uy],
  ["word", /[\p{L}_][\p{L}\p{N}_]*/uy],
  ["sign", /:=|[=|(),]/y],
];

function actionAt(source: string, start: number): { tokens: Token[]; end: number; trims: boolean } {
  const tokens: Token[] = [];
  let at = start;
  for (;;) {
    const space = match(/\s*/y, source, at).length;
    at += space;
    if (space > 0 && source.startsWith("-}}", at)) return { tokens, end: at + 3, trims: true };
    if (source.startsWith("}}", at)) return { tokens, end: at + 2, trims: false };
    if (at >= source.length) throw wrongAt(source, start - 2, "this action is not closed by }}");
    const token = tokenAt(source, at, space === 0 && tokens.length > 0);
    tokens.push(token);
    at += token.text.length;
  }
}

function tokenAt(source: string, at: number, joined: boolean): Token {
  for (const [kind, form] of forms) {
    const text = match(form, source, at);
    if (text !== "") return { kind, at, text, joined };
  }
  const character = source[at] ?? "";
  if (`"'\``.includes(character)) throw wrongAt(source, at, "this string is not closed");
  throw wrongAt(source, at, `${JSON.stringify(character)} is not expected in an action`);
}

function match(form: RegExp, source: string, at: number): string {
  form.lastIndex = at;
  return form.exec(source)?.[0] ?? "";
}
