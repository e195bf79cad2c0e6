/** The verbs of Go's printf that a format has use for: %s %v %d %q %t %x %X %f %c %%, with -, +, 0, a width and a precision. */
import { show, toJson } from "./value.ts";

const widest = 1000;

export function format(form: string, values: readonly unknown[]): string {
  let next = 0;
  const text = form.replaceAll(
    /%([-+0 #]*)(\d*)(?:\.(\d*))?(.)/gsu,
    (_, flags: string, width: string, precision: string | undefined, verb: string) => {
      if (verb === "%") return "%";
      if (next >= values.length) return `%!${verb}(MISSING)`;
      const value = values[next++];
      const digits = precision === undefined ? undefined : Math.min(Number(precision), 100);
      const shown = one(verb, value, { digits, plus: flags.includes("+") });
      return pad(shown, Math.min(Number(width), widest), flags);
    },
  );
  const extra = values.slice(next).map(show);
  return extra.length > 0 ? `${text}%!(EXTRA ${extra.join(", ")})` : text;
}

function pad(text: string, width: number, flags: string): string {
  if (flags.includes("-")) return text.padEnd(width);
  const zero = flags.includes("0") && /^[+-]?[\d.]+$/.test(text);
  if (!zero) return text.padStart(width);
  const sign = /^[+-]/.exec(text)?.[0] ?? "";
  return sign + text.slice(sign.length).padStart(width - sign.length, "0");
}

function one(verb: string, value: unknown, how: { digits: number | undefined; plus: boolean }): string {
  const { digits, plus } = how;
  const wrong = `%!${verb}(${show(value)})`;
  const signed = (text: string) => (plus && !text.startsWith("-") ? `+${text}` : text);
  if (verb === "v" || verb === "s") return show(value).slice(0, digits);
  if (verb === "q") return typeof value === "string" ? toJson(value) : wrong;
  if (verb === "t") return typeof value === "boolean" ? String(value) : wrong;
  if (verb === "x" || verb === "X") {
    const hex = typeof value === "number" ? value.toString(16) : Buffer.from(show(value)).toString("hex");
    return verb === "X" ? hex.toUpperCase() : hex;
  }
  if (typeof value !== "number") return wrong;
  if (verb === "d") return Number.isInteger(value) ? signed(String(value)) : wrong;
  if (verb === "f") return signed(value.toFixed(digits ?? 6));
  return verb === "c" && value >= 0 && value <= 0x10_ff_ff ? String.fromCodePoint(value) : wrong;
}
