/** The filters `label` and `label!`: a key, or a key and its value. All have to fit. */
import type { Filters } from "./query.ts";

export function labelsFit(labels: Readonly<Record<string, string>>, filters: Filters): boolean {
  const has = (wanted: string) => {
    const at = wanted.indexOf("=");
    const key = at < 0 ? wanted : wanted.slice(0, at);
    return Object.hasOwn(labels, key) && (at < 0 || labels[key] === wanted.slice(at + 1));
  };
  return (filters["label"] ?? []).every(has) && !(filters["label!"] ?? []).some(has);
}
