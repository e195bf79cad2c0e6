/**
 * The path below /proc/sys of a kernel parameter, or undefined for a name that has none. The separator is the one that
 * comes first, "." or "/"; the other stands for itself: "net.ipv4.conf.eth0/1.rp_filter" and
 * "net/ipv4/conf/eth0.1/rp_filter" are the same (sysctl.d(5)).
 */
export function sysctlPath(name: string): string | undefined {
  const dotted = name.search(/[./]/) === name.indexOf(".");
  const path = dotted ? name.replace(/[./]/g, (mark) => (mark === "." ? "/" : ".")) : name;
  const parts = path.split("/");
  return parts.some((part) => part === "" || part === "." || part === "..") ? undefined : path;
}
