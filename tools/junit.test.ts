import { expect, test } from "bun:test";
import { add, countLine, countsOf, errorsOf, failedFilesOf, nothing, skippedOf } from "./_junit.ts";

const report = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bun test" tests="5" assertions="2" failures="1" skipped="2" time="0.02">
  <testsuite name="a.test.ts" file="a.test.ts" tests="5" assertions="2" failures="1" skipped="2" time="0.003">
    <testcase name="adds" classname="outer" time="0.000022" file="a.test.ts" line="2" assertions="1" />
    <testcase name="left out &lt;here&gt;" classname="" time="0" file="a.test.ts" line="3" assertions="0">
      <skipped />
    </testcase>
    <testcase name="fails" classname="" time="0.0004" file="a.test.ts" line="4" assertions="1">
      <failure type="AssertionError" message="no">no</failure>
    </testcase>
    <testcase name="later" classname="" time="0" file="a.test.ts" line="5" assertions="0">
      <skipped message="TODO" />
    </testcase>
  </testsuite>
</testsuites>`;

test("a report's totals are read, and what is neither failed nor skipped has passed", () => {
  expect(countsOf(report)).toEqual({ passed: 2, failed: 1, skipped: 2 });
});

test("a report that was not finished has no totals", () => {
  expect(countsOf("")).toBeUndefined();
});

test("the skipped tests are named with their file, and no others are", () => {
  expect(skippedOf(report)).toEqual(["a.test.ts: left out <here>", "a.test.ts: later"]);
});

test("the files of failed tests are named once", () => {
  expect(failedFilesOf(report + report)).toEqual(["a.test.ts"]);
});

test("errors outside of tests are read from the closing lines", () => {
  expect(errorsOf(" 3 pass\n 3 fail\n 1 error\n 2 expect() calls")).toBe(1);
  expect(errorsOf(" 3 pass\n 0 fail")).toBe(0);
});

test("the last line adds up the rungs", () => {
  const sum = [
    { passed: 2, failed: 0, skipped: 1 },
    { passed: 1, failed: 1, skipped: 0 },
  ].reduce(add, nothing);
  expect(countLine(sum)).toBe("3 passed, 1 failed, 1 skipped");
});
