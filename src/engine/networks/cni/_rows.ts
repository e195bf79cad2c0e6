/** What plug-ins were asked for, and what they made: a row an attachment. */
import type { Store } from "../../store/store.ts";
import type { Attachment } from "./_chain.ts";
import type { NetworkConfig } from "./_configuration.ts";
import type { CniResult } from "./_result.ts";

export interface AttachmentRow {
  readonly sandbox: string;
  readonly network: string;
  readonly config: NetworkConfig;
  readonly request: Attachment;
  /** undefined until ADD has ended well. */
  readonly result: CniResult | undefined;
}

interface Raw {
  readonly sandbox: string;
  readonly network: string;
  readonly config: string;
  readonly request: string;
  readonly result: string | null;
}

const rowOf = ({ sandbox, network, config, request, result }: Raw): AttachmentRow => ({
  sandbox,
  network,
  config: JSON.parse(config) as NetworkConfig,
  request: JSON.parse(request) as Attachment,
  result: result === null ? undefined : (JSON.parse(result) as CniResult),
});

export type AttachmentRows = ReturnType<typeof attachmentRows>;

export function attachmentRows(store: Store) {
  const { db } = store;
  return {
    ids: (): string[] =>
      db
        .query<{ sandbox: string }, []>("SELECT sandbox FROM cni_attachments ORDER BY sandbox")
        .all()
        .map(({ sandbox }) => sandbox),
    networks: (): string[] =>
      db
        .query<{ network: string }, []>("SELECT DISTINCT network FROM cni_attachments")
        .all()
        .map(({ network }) => network),
    find(sandbox: string): AttachmentRow | undefined {
      const row = db.query<Raw, [string]>("SELECT * FROM cni_attachments WHERE sandbox = ?").get(sandbox);
      return row ? rowOf(row) : undefined;
    },
    in: (network: string): AttachmentRow[] =>
      db.query<Raw, [string]>("SELECT * FROM cni_attachments WHERE network = ?").all(network).map(rowOf),
    /** Waits for the disk: addresses that plug-ins give out are written down by them, and would be nobody's. */
    begin({ sandbox, network, config, request }: Omit<AttachmentRow, "result">): void {
      store.transaction(() =>
        db
          .query("INSERT INTO cni_attachments (sandbox, network, config, request) VALUES (?, ?, ?, ?)")
          .run(sandbox, network, JSON.stringify(config), JSON.stringify(request)),
      );
    },
    /** A power cut that takes it takes the namespace too; DEL works without it. */
    end(sandbox: string, result: CniResult): void {
      store.transaction(
        () =>
          db
            .query("UPDATE cni_attachments SET result = ? WHERE sandbox = ?")
            .run(JSON.stringify(result), sandbox),
        { durable: false },
      );
    },
    /** What a power cut brings back is taken away once more. */
    remove(sandbox: string): void {
      store.transaction(() => db.query("DELETE FROM cni_attachments WHERE sandbox = ?").run(sandbox), {
        durable: false,
      });
    },
  };
}
