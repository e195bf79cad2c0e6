/** Go templates, as `--format` takes them: a faithful subset of text/template with docker's functions. See README.md beside this for what is in it. */
import { evaluate, type EvaluateOptions } from "./evaluate.ts";
import { parseTemplate } from "./parse.ts";

export type Template = (data: unknown, options?: EvaluateOptions) => string;

/** Errors: `invalid_argument`, which says line and column; both here and when it runs. */
export function compileTemplate(source: string): Template {
  const nodes = parseTemplate(source);
  return (data, options) => evaluate({ source, nodes }, data, options);
}
