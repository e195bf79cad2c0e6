/** What names, labels and keys may look like. https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ Each function gives what is wrong, or undefined. */

const label = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const subdomain = `${label}(\\.${label})*`;
const qualifiedPart = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";

const subdomainPattern = new RegExp(`^${subdomain}$`);
const subdomainText =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character " +
  "(e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/** Of an object of a kind that has no rule of its own. */
export function nameFault(name: string): string | undefined {
  if (name.length > 253) return "must be no more than 253 characters";
  return subdomainPattern.test(name) ? undefined : subdomainText;
}

const qualifiedName = new RegExp(`^${qualifiedPart}$`);
const nameText =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character " +
  "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

/** Of a label, annotation, taint: a name with or without the domain of its owner before it. */
export function labelKeyFault(key: string): string | undefined {
  const parts = key.split("/");
  const name = parts.at(-1) ?? "";
  if (parts.length > 2)
    return `a qualified ${nameText.replace("name part", "name")} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`;
  if (parts.length === 2) {
    const prefix = parts[0] ?? "";
    if (prefix === "") return "prefix part must be non-empty";
    const fault = nameFault(prefix);
    if (fault !== undefined) return `prefix part ${fault}`;
  }
  if (name === "") return "name part must be non-empty";
  if (name.length > 63) return "name part must be no more than 63 characters";
  return qualifiedName.test(name) ? undefined : nameText;
}

const valueText =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character " +
  "(e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

export function labelValueFault(value: string): string | undefined {
  if (value.length > 63) return "must be no more than 63 characters";
  return value === "" || qualifiedName.test(value) ? undefined : valueText;
}

/** Without vowels and what looks alike, so that no words come about. */
const letters = "bcdfghjklmnpqrstvwxz2456789";
const longestBase = 63 - 5;

/** A name that begins with `base` and ends in five random characters. */
export function generatedName(base: string): string {
  const random = crypto.getRandomValues(new Uint8Array(5));
  return base.slice(0, longestBase) + Array.from(random, (byte) => letters[byte % letters.length]).join("");
}
