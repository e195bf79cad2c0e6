import { expect, test } from "bun:test";
import { withSection } from "./_report.ts";
import { isMet, markdownTable, ratioOf, spreadOf, type Row } from "./_statistics.ts";

const row: Row = {
  name: "run",
  unit: "ms",
  spreads: { sampan: spreadOf([3, 1, 2]), runc: spreadOf([4, 6]), crun: spreadOf([2]) },
  goal: { against: "runc", ratio: 0.5 },
};

test("a spread has the median of odd and even counts, the least and the 95th percentile", () => {
  expect(spreadOf([3, 1, 2])).toEqual({ median: 2, min: 1, p95: 3, samples: 3 });
  expect(spreadOf([4, 1, 3, 2]).median).toBe(2.5);
  expect(spreadOf(Array.from({ length: 100 }, (_, i) => i)).p95).toBe(95);
});

test("a goal is met up to its ratio of the medians, and is undecided without the other's", () => {
  expect(ratioOf(row, "runc")).toBe(0.4);
  expect(isMet(row)).toBe(true);
  expect(isMet({ ...row, goal: { against: "crun", ratio: 0.5 } })).toBe(false);
  expect(isMet({ ...row, goal: { against: "runsc", ratio: 0.5 } })).toBeUndefined();
});

test("the table has a column for each runtime, each ratio and the goal", () => {
  expect(markdownTable([row], ["sampan", "runc", "runsc"])).toBe(
    "|  | sampan | runc | runsc | ÷ runc | ÷ runsc | goal |\n" +
      "| --- | --: | --: | --: | --: | --: | --: |\n" +
      "| run, ms | 2.00 (1.00 … 3.00) | 5.00 (4.00 … 6.00) | – | 0.40 |  | ≤ 0.5 × runc: met |\n",
  );
});

test("a section replaces the one of its title where it stands, and leaves the others", () => {
  const document = "# Results\n\n## A\n\nold\n\n## B\n\nkept\n";
  expect(withSection(document, "A", "new")).toBe("# Results\n\n## A\n\nnew\n\n## B\n\nkept\n");
  expect(withSection(document, "C", "new")).toBe("# Results\n\n## A\n\nold\n\n## B\n\nkept\n\n## C\n\nnew\n");
});
