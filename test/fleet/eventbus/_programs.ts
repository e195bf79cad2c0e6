/** The clients of Debian's mosquitto. */

/** `mosquitto_pub`; throws with what it says. */
export async function publishWith(port: number, ...options: readonly string[]): Promise<void> {
  const child = Bun.spawn(["mosquitto_pub", "-h", "127.0.0.1", "-p", String(port), ...options], {
    stdout: "ignore",
    stderr: "pipe",
  });
  const said = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`mosquitto_pub: ${said}`);
}

export interface Subscriber extends AsyncDisposable {
  /** The next line: topic and payload. */
  next(): Promise<string>;
}

/** `mosquitto_sub`, once its subscription is there. */
export async function subscribeWith(port: number, ...options: readonly string[]): Promise<Subscriber> {
  // Line by line: it says that it has subscribed into a buffer otherwise.
  const program = ["stdbuf", "-oL", "mosquitto_sub", "-h", "127.0.0.1", "-p", String(port), "-v", "-d"];
  const child = Bun.spawn([...program, ...options], { stdout: "pipe", stderr: "ignore" });
  const lines = linesOf(child.stdout);
  const next = async (wanted: (line: string) => boolean) => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error("mosquitto_sub has ended");
      if (wanted(value)) return value;
    }
  };
  const isDebug = (line: string) => /^(?:Client |Subscribed )/.test(line);
  await next((line) => line.startsWith("Subscribed "));
  return {
    next: async () => await next((line) => !isDebug(line)),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  let left = "";
  for await (const bytes of stream) {
    const lines = (left + Buffer.from(bytes).toString()).split("\n");
    left = lines.pop() ?? "";
    yield* lines;
  }
}
