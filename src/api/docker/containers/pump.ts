/** Passes bytes between a client and what it is attached to, both ways, each as slow as its taker. */
import { SampanError } from "../../../base/errors.ts";
import type { attachContainer } from "../../../engine/containers/attach.ts";
import type { Conversation } from "../route.ts";
import { DetachFilter } from "./detach-keys.ts";
import { FrameStripper } from "./frames.ts";

export type Attachment = Awaited<ReturnType<typeof attachContainer>>;

/** What is used of its reader. */
interface Reader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

export interface PumpOptions {
  readonly stdin: boolean;
  /** Frames are passed on as they are, or only what is in them. */
  readonly multiplexed: boolean;
  /** Of a terminal: what ends the attachment. */
  readonly detachKeys: Uint8Array | undefined;
  /** The client's end is the end of the program's input; else it is the end of the attachment. */
  readonly closes: boolean;
}

/**
 * Resolves when the program has ended or the client has gone, has detached (then true), or has ended its input where that ends it; the attachment is closed then.
 */
export async function pump(
  attachment: Attachment,
  conversation: Conversation,
  options: PumpOptions,
): Promise<boolean> {
  const reader = attachment.output.getReader();
  const leave = () => {
    // What is pending ends with it; there is nobody who could be told of a failure.
    void reader.cancel().catch(() => undefined);
  };
  conversation.signal.addEventListener("abort", leave, { once: true });
  if (conversation.signal.aborted) leave();
  try {
    const filter = options.detachKeys && new DetachFilter(options.detachKeys);
    if (options.stdin)
      input(attachment, conversation, { ...options, filter }).then((over) => over && leave(), leave);
    await output(reader, conversation, options);
    return filter?.found === true;
  } finally {
    conversation.signal.removeEventListener("abort", leave);
    leave();
    await attachment[Symbol.asyncDispose]();
  }
}

/** True when the attachment is to end with it. */
async function input(
  attachment: Attachment,
  { input: typed }: Conversation,
  { filter, closes }: PumpOptions & { readonly filter: DetachFilter | undefined },
): Promise<boolean> {
  try {
    for await (const bytes of typed) {
      const passed = filter ? filter.take(bytes) : bytes;
      if (passed.length > 0) await attachment.write(passed);
      if (filter?.found) return true;
    }
    if (closes) await attachment.closeStdin();
    return !closes;
  } catch {
    // The program has closed its input or has ended: what it still says is passed on.
    return false;
  }
}

async function output(
  reader: Reader,
  { write, signal }: Conversation,
  { multiplexed }: PumpOptions,
): Promise<void> {
  const frames = multiplexed ? undefined : new FrameStripper();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done || !value) return;
      for (const piece of frames ? frames.take(value) : [value]) await write(piece);
    }
  } catch (error) {
    if (signal.aborted || SampanError.from(error).code === "cancelled") return;
    throw error;
  }
}
