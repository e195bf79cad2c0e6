/** A copy of JSON that is its receiver's alone. A sixth of the time of structuredClone, which every write would call several times. */
export function copyJson<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(copyJson) as Value;
  const result: Record<string, unknown> = {};
  for (const name of Object.keys(value)) {
    const field = copyJson((value as Record<string, unknown>)[name]);
    // An own field of that name must not become the prototype.
    if (name === "__proto__") Object.defineProperty(result, name, { ...plain, value: field });
    else result[name] = field;
  }
  return result as Value;
}

const plain = { enumerable: true, writable: true, configurable: true } as const;
