import { describe, expect, test } from "bun:test";
import { builtInResources } from "./resources.ts";

describe("built-in resources", () => {
  const resources = builtInResources();

  test("each has a schema with metadata", () => {
    for (const { kind, schema } of resources) {
      expect([kind, Object.keys(schema.properties ?? {})]).toEqual([
        kind,
        expect.arrayContaining(["apiVersion", "kind", "metadata"]),
      ]);
    }
  });

  test("no two share a name", () => {
    const names = resources.map(({ group, plural }) => `${plural}.${group}`);
    expect(new Set(names).size).toBe(names.length);
  });

  test("reviews are served when somebody answers them", () => {
    const review = (object: object): Promise<never> => Promise.resolve(object as never);
    const plurals = builtInResources({ tokenreviews: review }).map(({ plural }) => plural);
    expect(plurals).toContain("tokenreviews");
    expect(resources.map(({ plural }) => plural)).not.toContain("tokenreviews");
  });
});
