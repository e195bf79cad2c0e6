/** A container's cgroup has a name that no other one has, also below another program's folder of cgroups. */
export function cgroupOf(id: string): string {
  return `sampan-${id}`;
}
