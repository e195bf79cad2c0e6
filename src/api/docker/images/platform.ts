/** The platform that a request names: `linux/arm64`, or since 1.48 an object of JSON. */
import { invalid } from "../../../base/errors.ts";
import { normalPlatform, parsePlatform } from "../../../spec/image/platform.ts";
import type { Platform } from "../../../spec/image/types.ts";
import type { Query } from "../query.ts";

export function platformOf(query: Query, name = "platform"): Platform | undefined {
  const text = query.string(name);
  if (text === undefined) return undefined;
  return text.startsWith("{") ? fromJson(text) : parsePlatform(text);
}

/** For the options of the engine's verbs. */
export function platformOption(query: Query): { platform?: Platform } {
  const platform = platformOf(query);
  return platform ? { platform } : {};
}

function fromJson(text: string): Platform {
  const value = attempt(text);
  const word = (name: string): string => {
    const found = value?.[name] ?? "";
    if (typeof found === "string" && /^[A-Za-z0-9_.-]{0,64}$/.test(found)) return found;
    throw refused(text);
  };
  const [os, architecture, variant] = [word("os"), word("architecture"), word("variant")];
  if (!os || !architecture) throw refused(text);
  return normalPlatform({ os, architecture, ...(variant ? { variant } : {}) });
}

function refused(text: string): Error {
  return invalid(`cannot read platform ${text.slice(0, 200)}: wanted {"os":"linux","architecture":"arm64"}`);
}

function attempt(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
