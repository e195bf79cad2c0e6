/**
 * A command with its streams, seen from either end, whatever carries it: Kubernetes' remotecommand over SPDY/3.1 or over a WebSocket. Exec and attach of kubelets and of CRI's streaming
 * servers are the same here. https://github.com/kubernetes/kubernetes/tree/master/staging/src/k8s.io/apimachinery/pkg/util/remotecommand
 */
import { SampanError } from "../../base/errors.ts";

export interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

/** Which streams a client asks for. */
export interface CommandStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  /** Not with a terminal. */
  readonly stderr: boolean;
  readonly tty: boolean;
}

export interface Output {
  readonly stream: "stdout" | "stderr";
  readonly data: Uint8Array;
}

/** The part of metav1.Status that says how a command ended. */
export interface CommandStatus {
  readonly metadata?: object;
  readonly status: "Success" | "Failure";
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly causes?: readonly { readonly reason?: string; readonly message?: string }[] };
  readonly code?: number;
}

/** The end that runs commands sees its client so. */
export interface CommandClient {
  /** Ends when the client ends it. */
  readonly stdin: AsyncIterable<Uint8Array> | undefined;
  readonly sizes: AsyncIterable<TerminalSize>;
  /** Resolves when there is room. Errors: `unavailable` when the client is gone. */
  write(output: Output): Promise<void>;
  /** Says how it ended, and ends the connection when all is out. */
  finish(status: CommandStatus): Promise<void>;
  /** Resolves when the client is gone or all is said. */
  readonly gone: Promise<void>;
  close(): void;
}

/** The end that asks for commands sees them so. */
export interface RemoteCommand {
  write(data: Uint8Array): Promise<void>;
  endInput(): Promise<void>;
  resize(size: TerminalSize): Promise<void>;
  readonly output: AsyncIterable<Output>;
  /** When all output has been read. Errors: `unavailable` when the connection broke. */
  readonly status: Promise<CommandStatus>;
  close(): void;
}

export function exited(code: number): CommandStatus {
  if (code === 0) return { metadata: {}, status: "Success" };
  return {
    metadata: {},
    status: "Failure",
    reason: "NonZeroExitCode",
    message: `command terminated with non-zero exit code: exit status ${code}`,
    details: { causes: [{ reason: "ExitCode", message: String(code) }] },
  };
}

/** What has failed before or beside the command itself. */
export function failed(error: unknown): CommandStatus {
  return {
    metadata: {},
    status: "Failure",
    reason: "InternalError",
    message: SampanError.from(error).message,
    code: 500,
  };
}

/** The exit status that a status tells; undefined when it tells of something else. */
export function exitCode({ status, reason, details }: CommandStatus): number | undefined {
  if (status === "Success") return 0;
  if (reason !== "NonZeroExitCode") return undefined;
  const text = details?.causes?.find((cause) => cause.reason === "ExitCode")?.message ?? "";
  return /^\d{1,3}$/.test(text) ? Number(text) : undefined;
}

/** Joins both ends until one of them is over. Never rejects. */
export async function joinCommand(client: CommandClient, command: RemoteCommand): Promise<void> {
  void client.gone.then(() => command.close());
  const { stdin } = client;
  if (stdin) void feed(stdin, command);
  void resizeAll(client.sizes, command);
  try {
    for await (const output of command.output) await client.write(output);
    await client.finish(await command.status);
  } catch (error) {
    // One who is gone hears nothing of it.
    await client.finish(failed(error)).catch(() => {});
  } finally {
    command.close();
    client.close();
  }
}

async function feed(stdin: AsyncIterable<Uint8Array>, command: RemoteCommand): Promise<void> {
  try {
    for await (const data of stdin) await command.write(data);
  } catch {
    // It no longer reads, or the client broke off: either end says so by itself.
  }
  await command.endInput().catch(() => {});
}

async function resizeAll(sizes: AsyncIterable<TerminalSize>, command: RemoteCommand): Promise<void> {
  try {
    for await (const size of sizes) await command.resize(size);
  } catch {
    // A command without a terminal, or one that has ended.
  }
}
