import { expect, test } from "bun:test";
import { helpText, topics } from "./help.ts";
import { commands, globalFlags } from "./main.ts";

test("every command has its help, and each help its command", () => {
  expect(Object.keys(topics).toSorted()).toEqual([...Object.keys(commands), "help"].toSorted());
});

test("the list names every command and global flag", () => {
  const text = helpText();
  for (const name of Object.keys(commands)) expect(text).toMatch(new RegExp(`^  ${name} +\\S`, "m"));
  for (const name of Object.keys(globalFlags)) expect(text).toContain(`--${name}`);
});

test.each(Object.entries(topics))("the help of %s has its usage, flags and an example", (name, { flags }) => {
  const text = helpText(name);
  expect(text).toContain(`sampan runtime ${name}`);
  expect(text).toMatch(new RegExp(`Example:\\n  sampan runtime ${name}`));
  for (const flag of Object.keys(flags)) expect(text).toContain(`--${flag}`);
});

test("a topic that is not there is refused, in runc's words", () => {
  expect(() => helpText("fly")).toThrow("No help topic for 'fly'");
  expect(() => helpText("toString")).toThrow("No help topic");
});
