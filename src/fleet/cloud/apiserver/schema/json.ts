/** JSON values of strangers: copied, compared and measured without ever touching a prototype. */

export type Fields = { [name: string]: unknown };

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Sets an own property, whatever its name: an assignment to `__proto__` would change the prototype. */
export function put(target: Fields, name: string, value: unknown): void {
  if (name === "__proto__")
    Object.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true });
  else target[name] = value;
}

/** An own property; what an object inherits is no field. */
export function get(fields: Fields, name: string): unknown {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

/** Equal as JSON: the order of fields does not count, that of elements does. A field that is undefined is none. */
export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((element, at) => equal(element, b[at]));
  if (!isFields(a) || !isFields(b)) return false;
  const names = Object.keys(a).filter((name) => a[name] !== undefined);
  const others = Object.keys(b).filter((name) => b[name] !== undefined);
  return (
    names.length === others.length && names.every((name) => Object.hasOwn(b, name) && equal(a[name], b[name]))
  );
}

/** Whether the value is nested deeper than so many lists and objects; looks no deeper than that. */
export function isDeeperThan(value: unknown, limit: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (limit <= 0) return true;
  return Object.values(value).some((inner) => isDeeperThan(inner, limit - 1));
}

/** Deeper objects are refused: no kind has such, and recursion over them would end on the stack's limit. */
export const maxDepth = 500;

/** `string`, `integer`, `number`, `boolean`, `array`, `object`, `null`, as schemas name types. */
export function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

/** The path of a field in metav1's form: `spec.ports[0].name`, `metadata.labels[a.b/c]`. */
export function joinPath(path: string, name: string | number): string {
  if (typeof name === "number") return `${path}[${name}]`;
  return path === "" ? name : `${path}.${name}`;
}
