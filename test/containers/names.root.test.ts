import { afterEach, expect, spyOn } from "bun:test";
import { createContainer } from "../../src/engine/containers/create.ts";
import { needing } from "../needs.ts";
import { needs, Place } from "./place.ts";
import { bodyOf } from "./request.ts";

const { test } = needing(needs);
const random = spyOn(Math, "random");
afterEach(() => random.mockRestore());

test("callers at once that are given the same invented name all get a container", async () => {
  using place = new Place();
  await place.fill();
  // The same words each time.
  random.mockImplementation(() => 0);
  const body = bodyOf({ command: ["true"] });
  const made = await Promise.all(Array.from({ length: 8 }, () => createContainer(place.parts, { body })));
  expect(new Set(made.map(({ name }) => name)).size).toBe(8);
  expect(place.parts.containers.list()).toHaveLength(8);
  const named = () => createContainer(place.parts, { body, name: "mine" });
  const results = await Promise.allSettled([named(), named()]);
  expect(results.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
});
