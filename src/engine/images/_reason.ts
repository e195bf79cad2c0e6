/** Why something failed, when cleaning up after it failed too: the first failure is the reason. */
export function reasonOf(error: unknown): unknown {
  return error instanceof SuppressedError ? reasonOf(error.suppressed) : error;
}
