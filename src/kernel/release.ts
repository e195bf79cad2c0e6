/** Versions of the kernel, as uname(2) gives them: `6.1.0-18-amd64`. Pure. */

/** `wanted`: `5.10`. A text that is no version is older than any. */
export function isAtLeast(kernel: string, wanted: string): boolean {
  const [, major = 0, minor = 0] = (/^(\d+)\.(\d+)/.exec(kernel) ?? []).map(Number);
  const [, least = 0, lesser = 0] = (/^(\d+)\.(\d+)/.exec(wanted) ?? []).map(Number);
  return major > least || (major === least && minor >= lesser);
}
