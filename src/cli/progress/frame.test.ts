import { expect, test } from "bun:test";
import { drawFrame, stepLine } from "./frame.ts";

const layer = { id: "9824c27679d3", status: "Downloading", current: 5e6, total: 1e7 };

test("a bar shows the part and both sizes, within the terminal's width", () => {
  expect(stepLine(layer, 100)).toBe(
    `9824c27679d3: Downloading [${"=".repeat(24)}>${" ".repeat(25)}]        5MB/10MB`,
  );
  for (const columns of [10, 30, 45, 60, 80, 200])
    expect(stepLine(layer, columns).length).toBeLessThan(columns);
});

test("a narrow terminal has a percentage, a full bar no arrow, an unknown size none", () => {
  expect(stepLine(layer, 45)).toBe("9824c27679d3: Downloading 50%");
  expect(stepLine({ ...layer, current: 2e7 }, 100)).toContain(`[${"=".repeat(50)}]`);
  expect(stepLine({ ...layer, total: 0 }, 100)).toBe("9824c27679d3: Downloading  5MB");
  expect(stepLine({ id: "a", status: "Pull complete" }, 80)).toBe("a: Pull complete");
});

test("a frame goes back over the last one, and never above the screen", () => {
  const lines = ["a", "b", "c", "d"];
  const first = drawFrame({ notes: ["note"], lines, drawn: 0, size: { columns: 80, rows: 24 } });
  expect(first.height).toBe(4);
  expect(first.text).toContain("note\u001b[K\na\u001b[K\nb");
  expect(first.text).not.toContain("A\r");
  const second = drawFrame({ notes: [], lines, drawn: 4, size: { columns: 80, rows: 3 } });
  expect(second.height).toBe(2);
  expect(second.text).toContain("\u001b[2A\r");
  expect(second.text).toContain("c\u001b[K\nd");
  expect(second.text).not.toContain("a\u001b[K");
});
