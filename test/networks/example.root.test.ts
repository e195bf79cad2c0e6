/** What docs/networks.md tells an administrator to type. */
import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { needing } from "../needs.ts";

const { test } = needing({ root: true, programs: ["nft"] });

test("nft takes the rule that the documentation gives as an example", () => {
  const rules = readFileSync("docs/networks.md", "utf8").match(/^nft (add rule .*)$/gm) ?? [];
  expect(rules.length).toBe(1);
  const text = [
    "add table inet sampan",
    "add chain inet sampan sampan-user",
    ...rules.map((rule) => rule.slice(4)),
  ];
  // Checked, not carried out.
  const { exitCode, stderr } = Bun.spawnSync(["nft", "-c", "-f", "-"], {
    stdin: Buffer.from(`${text.join("\n")}\n`),
  });
  expect({ exitCode, stderr: stderr.toString() }).toEqual({ exitCode: 0, stderr: "" });
});
