/** /metrics in Prometheus' text form, with the real server's names where it has them. */

/** Counts requests by verb, resource and code: all three are from bounded sets. */
export class Metrics {
  readonly #requests = new Map<string, number>();

  count(verb: string, resource: string, code: number): void {
    const key = labels({ code: String(code), resource, verb });
    this.#requests.set(key, (this.#requests.get(key) ?? 0) + 1);
  }

  /** The whole text; `figures` are gauges: name → value. */
  render(figures: Readonly<Record<string, number>>): string {
    const lines = [
      "# HELP apiserver_request_total Requests by verb, resource and code.",
      "# TYPE apiserver_request_total counter",
      ...[...this.#requests].map(([key, value]) => `apiserver_request_total{${key}} ${value}`),
    ];
    for (const [name, value] of Object.entries(figures)) {
      const [bare = name] = name.split("{", 1);
      const type = `# TYPE ${bare} gauge`;
      if (!lines.includes(type)) lines.push(type);
      lines.push(`${name} ${value}`);
    }
    return `${lines.join("\n")}\n`;
  }
}

function labels(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(",");
}
