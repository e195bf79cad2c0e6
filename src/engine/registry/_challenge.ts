/** The WWW-Authenticate header: RFC 9110, section 11.6.1. Several challenges may stand in one line, with commas between and inside of them. */
export interface Challenge {
  /** Lower-case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Names are lower-case. The first of two equal names counts. */
  readonly parameters: ReadonlyMap<string, string>;
}

const longest = 8192;
const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const parameterForm = new RegExp(String.raw`(${token})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|(${token}))`, "y");
const schemeForm = new RegExp(String.raw`(${token})(?=[ \t]+|[ \t]*(?:,|$))`, "y");
const token68Form = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;
const gap = /[ \t]*/y;
const comma = /[ \t]*(?:,[ \t]*)+/y;

/** The challenges that can be read, in order; what cannot be read ends the list. */
export function parseChallenges(header: string): Challenge[] {
  const text = header.slice(0, longest);
  const found: { scheme: string; parameters: Map<string, string> }[] = [];
  let at = 0;
  const take = (form: RegExp): RegExpExecArray | null => {
    form.lastIndex = at;
    const match = form.exec(text);
    if (match) at = form.lastIndex;
    return match;
  };
  take(comma);
  take(gap);
  while (at < text.length) {
    const current = found.at(-1);
    const parameter = current && take(parameterForm);
    if (parameter) {
      const name = (parameter[1] ?? "").toLowerCase();
      const value = parameter[2]?.replaceAll(/\\(.)/g, "$1") ?? parameter[3] ?? "";
      if (!current.parameters.has(name)) current.parameters.set(name, value);
    } else {
      const scheme = take(schemeForm);
      if (!scheme) break;
      found.push({ scheme: (scheme[1] ?? "").toLowerCase(), parameters: new Map() });
      take(gap);
      parameterForm.lastIndex = at;
      if (!parameterForm.test(text)) take(token68Form);
      else continue;
    }
    if (at < text.length && !take(comma)) break;
  }
  return found;
}
