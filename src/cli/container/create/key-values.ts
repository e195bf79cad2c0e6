/** Variables, labels and other pairs, from flags and from files. */
import { readFile } from "node:fs/promises";
import { invalid } from "../../../base/errors.ts";
import { unreadable } from "../../file.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** Lines of an --env-file or --label-file: `#` begins a comment. */
async function linesOf(paths: readonly string[]): Promise<string[]> {
  const texts = await Promise.all(
    paths.map((path) =>
      readFile(path, "utf8").catch((error: unknown) => {
        throw unreadable(path, error);
      }),
    ),
  );
  return texts
    .flatMap((text) => text.replace(/^\ufeff/, "").split(/\r?\n/))
    .map((line) => line.trimStart())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

function nameOf(entry: string): string {
  const name = entry.split("=", 1)[0] ?? "";
  if (name === "" || /\s/.test(name))
    throw invalid(`cannot set variable "${entry}": wanted NAME or NAME=VALUE`);
  return name;
}

/** `NAME` alone passes this process's variable on. When there is none, a flag takes the image's away and a file says nothing, as docker does. */
export async function variables(
  files: readonly string[],
  entries: readonly string[],
  env: Env,
): Promise<string[]> {
  const passed = (entry: string) => {
    const value = env[nameOf(entry)];
    return entry.includes("=") ? entry : value === undefined ? undefined : `${entry}=${value}`;
  };
  return [
    ...(await linesOf(files)).flatMap((line) => passed(line) ?? []),
    ...entries.map((entry) => passed(entry) ?? entry),
  ];
}

export async function labels(
  files: readonly string[],
  entries: readonly string[],
): Promise<Record<string, string>> {
  return pairs([...(await linesOf(files)), ...entries], "label");
}

/** `KEY=VALUE` or `KEY`, the last of a key counts. */
export function pairs(entries: readonly string[], what: string): Record<string, string> {
  return Object.fromEntries(
    entries.map((entry) => {
      const at = entry.indexOf("=");
      const key = at < 0 ? entry : entry.slice(0, at);
      if (key === "") throw invalid(`cannot set ${what} "${entry}": wanted KEY or KEY=VALUE`);
      return [key, at < 0 ? "" : entry.slice(at + 1)];
    }),
  );
}

/** Cut at commas, as a line of a CSV file: quotes hold them together. */
export function csvFields(text: string): string[] {
  const fields: string[] = [];
  let field = "";
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const sign = text.charAt(at);
    if (sign === '"') {
      const doubled = quoted && text[at + 1] === '"';
      if (doubled) {
        field += sign;
        at++;
      } else quoted = !quoted;
    } else if (sign === "," && !quoted) {
      fields.push(field);
      field = "";
    } else field += sign;
  }
  fields.push(field);
  return fields;
}

/** `key=value,key` of one flag, in order; a key alone has no value. */
export function csvPairs(text: string): { readonly key: string; readonly value: string | undefined }[] {
  return csvFields(text).map((field) => {
    const at = field.indexOf("=");
    const key = (at < 0 ? field : field.slice(0, at)).trim().toLowerCase();
    return { key, value: at < 0 ? undefined : field.slice(at + 1) };
  });
}
