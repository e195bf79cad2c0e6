import { expect, test } from "bun:test";
import { isServed, type HostView } from "./served.ts";

const links: Readonly<Record<string, string>> = {
  "/media": "/run/media",
  "/run/media/disk": "../../srv/share",
  "/loop": "/loop",
};
const view: HostView = {
  mounts: () =>
    [
      "1 0 8:1 / / rw - ext4 /dev/sda1 rw",
      "2 1 0:5 / /proc rw - proc proc rw",
      "3 1 0:60 / /srv/share rw shared:9 - nfs4 server:/share rw",
      "4 1 0:61 / /home/a\\040b rw - fuse.sshfs host: rw",
      "",
    ].join("\n"),
  link: (path) => links[path],
};

test.each([
  ["/srv/share", true],
  ["/srv/share/below/it", true],
  ["/srv/./other/../share/x", true],
  ["/media/disk/file", true],
  ["/home/a b/file", true],
  ["/srv/shared", false],
  ["/srv", false],
  ["/proc/self", false],
  ["/loop/x", false],
  ["/", false],
])("whether %s leads to what another serves: %p", (path, served) => {
  expect(isServed(path, view)).toBe(served);
});

test("a root that another serves is like any other", () => {
  const mounts = () => "1 0 0:5 / / rw - 9p host rw\n";
  expect(isServed("/srv", { ...view, mounts })).toBe(false);
});
