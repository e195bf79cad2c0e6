/** Query strings of Docker's API. */

export type QueryValue = string | number | boolean | readonly string[] | undefined;
export type Query = Readonly<Record<string, QueryValue>>;
export type Filters = Readonly<Record<string, readonly string[]>>;

/** True is 1, as docker writes it; undefined and false are left out; lists come several times. */
export function queryString(query: Query): string {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === false) continue;
    for (const each of Array.isArray(value) ? (value as readonly string[]) : [value])
      words.append(name, each === true ? "1" : String(each));
  }
  const text = words.toString();
  return text === "" ? "" : `?${text}`;
}

/** `{"label":{"a=b":true}}`, the form that all versions of the API read; undefined when there are none. */
export function filterQuery(filters: Filters | undefined): string | undefined {
  if (!filters || Object.keys(filters).length === 0) return undefined;
  return JSON.stringify(
    Object.fromEntries(
      Object.entries(filters).map(([key, values]) => [
        key,
        Object.fromEntries(values.map((value) => [value, true])),
      ]),
    ),
  );
}
