import { expect, test } from "bun:test";
import { withAddress } from "./relink.ts";

const to = { alias: "al", hostname: "0123456789ab", address: "172.17.0.9" };

test("the line of a link gets the new address, and no other line is touched", () => {
  const before =
    "127.0.0.1\tlocalhost\n1.2.3.4\tal\n172.17.0.2\tal 0123456789ab db\n172.17.0.3\tweb\n# al 0123456789ab\n";
  expect(withAddress(before, to)).toBe(before.replace("172.17.0.2", "172.17.0.9"));
});

test("the other may have got another name meanwhile, or its host name for its link", () => {
  expect(withAddress("172.17.0.2\tal 0123456789ab old-name\n", to)).toBe(
    "172.17.0.9\tal 0123456789ab old-name\n",
  );
  expect(withAddress("172.17.0.2\tdb\n", { ...to, alias: "db", hostname: "db" })).toBe("172.17.0.9\tdb\n");
});

test("a file that has no such line, or another container's, stays", () => {
  for (const text of ["", "172.17.0.2\tal 0123456789abc db\n", "al 0123456789ab"])
    expect(withAddress(text, to)).toBe(text);
});
