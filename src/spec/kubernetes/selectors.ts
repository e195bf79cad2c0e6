/** Label and field selectors in the form of a query. https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors */
import { badRequest } from "./errors.ts";
import { labelKeyFault, labelValueFault } from "./names.ts";

export interface LabelSelector {
  /** Matches everything. */
  readonly empty: boolean;
  matches(labels: Readonly<Record<string, string>> | undefined): boolean;
}

export interface FieldRequirement {
  readonly field: string;
  readonly equal: boolean;
  readonly value: string;
}

export interface FieldSelector {
  readonly empty: boolean;
  readonly requirements: readonly FieldRequirement[];
  matches(fields: Readonly<Record<string, string>>): boolean;
}

type Labels = Readonly<Record<string, string>>;
type Requirement = (labels: Labels) => boolean;

/** Bytes of a selector: what a request line can hold. */
const longest = 64 * 1024;

/** Throws BadRequest. */
export function parseLabelSelector(text: string | undefined): LabelSelector {
  if (text === undefined || text.trim() === "") return { empty: true, matches: () => true };
  if (text.length > longest) throw unparsable("it is too long");
  const words = new Words(text);
  const requirements: Requirement[] = [];
  do requirements.push(requirement(words));
  while (words.take(","));
  words.end();
  return {
    empty: false,
    matches: (labels = {}) => requirements.every((matches) => matches(labels)),
  };
}

function requirement(words: Words): Requirement {
  if (words.take("!")) {
    const absent = key(words);
    return (labels) => !has(labels, absent);
  }
  const name = key(words);
  const operator = words.operator();
  switch (operator) {
    case undefined:
      return (labels) => has(labels, name);
    case "=":
    case "==": {
      const wanted = value(words.optionalWord());
      return (labels) => has(labels, name) && labels[name] === wanted;
    }
    case "!=": {
      const unwanted = value(words.optionalWord());
      return (labels) => !has(labels, name) || labels[name] !== unwanted;
    }
    case "in":
    case "notin": {
      const values = new Set(words.list().map(value));
      const wanted = operator === "in";
      return (labels) => {
        const there = has(labels, name);
        return wanted ? there && values.has(labels[name] ?? "") : !there || !values.has(labels[name] ?? "");
      };
    }
    case ">":
    case "<":
      return compare(name, operator, words.optionalWord());
  }
}

const wholeNumber = /^-?\d{1,19}$/;

function compare(name: string, operator: "<" | ">", text: string): Requirement {
  if (!wholeNumber.test(text)) throw unparsable(`for 'Gt', 'Lt' operators, the value must be an integer`);
  const bound = BigInt(text);
  return (labels) => {
    const found = has(labels, name) ? labels[name] : undefined;
    if (found === undefined || !wholeNumber.test(found)) return false;
    return operator === ">" ? BigInt(found) > bound : BigInt(found) < bound;
  };
}

function has(labels: Labels, name: string): boolean {
  return Object.hasOwn(labels, name);
}

function key(words: Words): string {
  const found = words.word();
  const fault = labelKeyFault(found);
  if (fault !== undefined) throw unparsable(`<nil>: Invalid value: "${found}": ${fault}`);
  return found;
}

function value(text: string): string {
  const fault = labelValueFault(text);
  if (fault !== undefined) throw unparsable(`values[0][]: Invalid value: "${text}": ${fault}`);
  return text;
}

function unparsable(why: string): Error {
  return badRequest(`unable to parse requirement: ${why}`);
}

const operators = ["==", "!=", "=", ">", "<"] as const;
type Operator = (typeof operators)[number] | "in" | "notin";

/** What is left of the text, word by word. */
class Words {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  #skip(): void {
    while (/[ \t\r\n]/.test(this.#text[this.#at] ?? "")) this.#at++;
  }

  take(sign: string): boolean {
    this.#skip();
    if (!this.#text.startsWith(sign, this.#at)) return false;
    // `!=` begins with `!`, and is another sign.
    if (sign === "!" && this.#text[this.#at + 1] === "=") return false;
    this.#at += sign.length;
    return true;
  }

  operator(): Operator | undefined {
    this.#skip();
    const sign = operators.find((each) => this.#text.startsWith(each, this.#at));
    if (sign) {
      this.#at += sign.length;
      return sign;
    }
    const before = this.#at;
    const word = this.optionalWord();
    if (word === "in" || word === "notin") return word;
    if (word !== "") throw unparsable(`found '${word}', expected: in, notin, =, ==, !=, gt, lt`);
    this.#at = before;
    return undefined;
  }

  optionalWord(): string {
    this.#skip();
    const [found = ""] = /^[^ \t\r\n,()=!<>]*/.exec(this.#text.slice(this.#at, this.#at + 600)) ?? [];
    this.#at += found.length;
    return found;
  }

  word(): string {
    const found = this.optionalWord();
    if (found === "")
      throw unparsable(`found '${this.#text[this.#at] ?? ""}', expected: !, identifier, or 'end of string'`);
    return found;
  }

  list(): string[] {
    if (!this.take("(")) throw unparsable(`found '${this.#text[this.#at] ?? ""}' expected: '('`);
    const values: string[] = [];
    do values.push(this.optionalWord());
    while (this.take(","));
    if (!this.take(")")) throw unparsable(`found '${this.#text[this.#at] ?? ""}', expected: ',', or ')'`);
    return values;
  }

  end(): void {
    this.#skip();
    if (this.#at < this.#text.length)
      throw unparsable(`found '${this.#text[this.#at]}', expected: ',' or 'end of string'`);
  }
}

/** Throws BadRequest. Values may have `\,`, `\=` and `\\`. */
export function parseFieldSelector(text: string | undefined): FieldSelector {
  if (text === undefined || text === "") return { empty: true, requirements: [], matches: () => true };
  if (text.length > longest) throw badRequest("invalid field selector: it is too long");
  const requirements = split(text)
    .filter((term) => term !== "")
    .map((term) => fieldRequirement(term, text));
  return {
    empty: requirements.length === 0,
    requirements,
    matches: (fields) =>
      requirements.every(({ field, equal, value }) => ((fields[field] ?? "") === value) === equal),
  };
}

function split(text: string): string[] {
  return (text.match(/(?:\\[\s\S]|[^\\,])+/g) ?? []) as string[];
}

function fieldRequirement(term: string, whole: string): FieldRequirement {
  const found = /^([^=!]+?)(!=|==|=)((?:\\[\\,=]|[^\\,=])*)$/.exec(term);
  if (!found) throw badRequest(`invalid selector: '${whole}'; can't understand '${term}'`);
  const [, field = "", operator, value = ""] = found;
  return { field, equal: operator !== "!=", value: value.replaceAll(/\\(.)/g, "$1") };
}
