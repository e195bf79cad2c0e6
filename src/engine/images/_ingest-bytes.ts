/** A document that is in memory and verified, into content's ingest; the verb publishes it with the rest. */
import type { Content } from "../content/content.ts";
import type { Document } from "./_documents.ts";

export async function ingestBytes(content: Content, document: Document, signal: AbortSignal): Promise<void> {
  const { digest } = document.descriptor;
  const ingest = await content.ingest({ digest, size: document.bytes.length }, signal);
  if (ingest === "present") return;
  await using open = ingest;
  if (open.written > 0) await open.restart();
  await open.write(document.bytes);
  await open.finish();
}
