/** What came of one look. */
export interface ActionResult {
  /** `unknown`: nothing was learned, as when the container has just ended. */
  readonly outcome: "success" | "failure" | "unknown";
  /** One line, for an event. */
  readonly message: string;
}

export const failure = (message: string): ActionResult => ({ outcome: "failure", message });
export const success = (message = ""): ActionResult => ({ outcome: "success", message });
