/** What every implementation of content keeps to; `make` gives a fresh one, `again` another one on the same root, as another process would have. */
import { describe, expect, test } from "bun:test";
import { readFile, writeFile, chmod, rm } from "node:fs/promises";
import type { SampanError } from "../../base/errors.ts";
import { digestOf, parseDigest, type Digest } from "../../spec/image/digest.ts";
import type { Content, Ingest } from "./content.ts";

export interface ContentUnderTest extends AsyncDisposable {
  readonly content: Content;
  again(): Content;
}

const bytesOf = (text: string) => new TextEncoder().encode(text);
const codeOf = async (doing: Promise<unknown>) =>
  doing.then(
    () => "done",
    (error: SampanError) => error.code,
  );

async function begin(content: Content, expected: { digest: Digest; size?: number }): Promise<Ingest> {
  const ingest = await content.ingest(expected);
  if (ingest === "present") throw new Error("it is present");
  return ingest;
}

async function put(content: Content, text: string): Promise<Digest> {
  return (await content.write(bytesOf(text))).digest;
}

async function overwrite(path: string, text: string): Promise<void> {
  await chmod(path, 0o600);
  await writeFile(path, text);
}

export function contentSuite(name: string, make: () => Promise<ContentUnderTest>): void {
  const digest = digestOf("hello world");
  describe(`${name}: content`, () => {
    test("a blob is absent until it is published, then it can be read", async () => {
      await using under = await make();
      const { content } = under;
      {
        await using ingest = await begin(content, { digest, size: 11 });
        await ingest.write(bytesOf("hello "));
        expect(await readFile(ingest.path, "utf8")).toBe("hello ");
        await ingest.write(bytesOf("world"));
        expect(ingest.written).toBe(11);
        expect(await ingest.finish()).toMatchObject({ digest, size: 11 });
        expect(content.stat(digest)).toBeUndefined();
        expect(await codeOf(content.open(digest))).toBe("not_found");
      }
      await content.publish([digest]);
      expect(content.stat(digest)).toMatchObject({ digest, size: 11 });
      expect(content.list().map((blob) => blob.digest)).toEqual([digest]);
      expect(await readFile(await content.open(digest), "utf8")).toBe("hello world");
      expect(new TextDecoder().decode(await content.read(digest))).toBe("hello world");
      expect(await content.ingest({ digest })).toBe("present");
    });
    test("publishing again does nothing, and runs what came along each time", async () => {
      await using under = await make();
      await put(under.content, "hello world");
      let runs = 0;
      await under.content.publish([digest], () => void runs++);
      await under.again().publish([digest, digest], () => void runs++);
      expect(runs).toBe(2);
      expect(under.content.list()).toHaveLength(1);
    });
    test("when what came along fails, nothing is published, and the bytes are kept for the next try", async () => {
      await using under = await make();
      const { content } = under;
      {
        await using ingest = await begin(content, { digest });
        await ingest.write(bytesOf("hello world"));
        await ingest.finish();
      }
      const refused = content.publish([digest], () => {
        throw new Error("no");
      });
      expect(await refused.catch((error: Error) => error.message)).toBe("no");
      expect(content.stat(digest)).toBeUndefined();
      expect(await content.ingest({ digest })).toBe("present");
      await content.publish([digest]);
      expect(content.stat(digest)?.size).toBe(11);
    });
    test("what is not finished cannot be published", async () => {
      await using under = await make();
      expect(await codeOf(under.content.publish([digest]))).toBe("failed_precondition");
      await using ingest = await begin(under.content, { digest });
      await ingest.write(bytesOf("hello world"));
      expect(await codeOf(under.content.publish([digest]))).toBe("failed_precondition");
    });
    test("a partial file is resumed by the next one, whoever that is", async () => {
      await using under = await make();
      {
        await using first = await begin(under.content, { digest, size: 11 });
        await first.write(bytesOf("hello"));
      }
      await using second = await begin(under.again(), { digest, size: 11 });
      expect(second.written).toBe(5);
      await second.write(bytesOf(" world"));
      expect((await second.finish()).size).toBe(11);
    });
    test("a blob whose digest is not known gets its name at the end, in place of what an earlier try left", async () => {
      await using under = await make();
      const { content } = under;
      await (await begin(content, { digest }))[Symbol.asyncDispose]();
      {
        await using ingest = await content.ingestUnknown(11);
        await ingest.write(bytesOf("hello "));
        expect(await readFile(ingest.path, "utf8")).toBe("hello ");
        await ingest.write(bytesOf("world"));
        expect(await codeOf(ingest.write(bytesOf("!")))).toBe("resource_exhausted");
        expect(ingest.digest()).toBe(digest);
        expect(await codeOf(ingest.write(new Uint8Array()))).toBe("failed_precondition");
        expect(await ingest.place()).toBe(true);
        expect(await readFile(ingest.path, "utf8")).toBe("hello world");
        expect(await ingest.finish()).toMatchObject({ digest, size: 11 });
        expect(await under.again().ingest({ digest })).toBe("present");
      }
      await content.publish([digest]);
      expect(new TextDecoder().decode(await content.read(digest))).toBe("hello world");
    });
    test("one that is here already is not kept twice, and one that is not finished leaves nothing", async () => {
      await using under = await make();
      const { content } = under;
      await put(content, "hello world");
      const paths: string[] = [];
      for (const text of ["hello world", "hello"]) {
        await using ingest = await content.ingestUnknown(100);
        await ingest.write(bytesOf(text));
        paths.push(ingest.path);
        if (text === "hello") continue;
        expect(await ingest.place()).toBe(false);
        expect(await ingest.finish()).toMatchObject({ digest });
      }
      for (const path of paths) expect(await codeOf(readFile(path))).toBe("ENOENT" as never);
    });
    test("what nobody wants is abandoned, but not what another writes or has published", async () => {
      await using under = await make();
      const { content } = under;
      const lease = { id: "none" };
      const growing = await begin(content, { digest });
      await content.abandon([digest], lease);
      await growing.write(bytesOf("hello world"));
      await growing.finish();
      await growing[Symbol.asyncDispose]();
      await content.abandon([digest, digest], lease);
      expect(await codeOf(content.publish([digest]))).toBe("failed_precondition");
      await put(content, "hello world");
      await content.abandon([digest], lease);
      expect(new TextDecoder().decode(await content.read(digest))).toBe("hello world");
    });
    test("a wrong prefix is found at the end and thrown away; the same ingest can then go on from 0", async () => {
      await using under = await make();
      {
        await using first = await begin(under.content, { digest, size: 11 });
        await first.write(bytesOf("jello"));
      }
      await using second = await begin(under.content, { digest, size: 11 });
      await second.write(bytesOf(" world"));
      expect(await codeOf(second.finish())).toBe("data_loss");
      expect(second.written).toBe(0);
      await second.write(bytesOf("hello world"));
      await second.finish();
    });
    test("a prefix longer than the blob is not taken", async () => {
      await using under = await make();
      {
        await using first = await begin(under.content, { digest });
        await first.write(bytesOf("hello world and more"));
      }
      await using second = await begin(under.content, { digest, size: 11 });
      expect(second.written).toBe(0);
    });
    test("restart throws away what was written", async () => {
      await using under = await make();
      await using ingest = await begin(under.content, { digest, size: 11 });
      await ingest.write(bytesOf("jello"));
      await ingest.restart();
      expect(ingest.written).toBe(0);
      await ingest.write(bytesOf("hello world"));
      await ingest.finish();
    });
    test("more bytes than the descriptor says are refused, fewer are data loss", async () => {
      await using under = await make();
      await using ingest = await begin(under.content, { digest, size: 5 });
      expect(await codeOf(ingest.write(bytesOf("hello world")))).toBe("invalid_argument");
      await ingest.write(bytesOf("hell"));
      expect(await codeOf(ingest.finish())).toBe("data_loss");
    });
    test("after finish and after disposing nothing can be written", async () => {
      await using under = await make();
      const ingest = await begin(under.content, { digest });
      await ingest.write(bytesOf("hello world"));
      await ingest.finish();
      expect(await codeOf(ingest.write(bytesOf("!")))).toBe("failed_precondition");
      await ingest[Symbol.asyncDispose]();
      await ingest[Symbol.asyncDispose]();
      expect(await codeOf(ingest.restart())).toBe("failed_precondition");
    });
    test.each(["the same process", "another one"])(
      "a second writer of %s waits and takes over",
      async (who) => {
        await using under = await make();
        const first = await begin(under.content, { digest, size: 11 });
        await first.write(bytesOf("hello"));
        const waiting = (who === "another one" ? under.again() : under.content).ingest({ digest, size: 11 });
        await first[Symbol.asyncDispose]();
        const second = await waiting;
        if (second === "present") throw new Error("nobody finished it");
        await using taken = second;
        expect(taken.written).toBe(5);
      },
    );
    test("a second writer that waits finds it present when the first finishes", async () => {
      await using under = await make();
      await using first = await begin(under.content, { digest, size: 11 });
      const waiting = under.again().ingest({ digest, size: 11 });
      await first.write(bytesOf("hello world"));
      await first.finish();
      expect(await waiting).toBe("present");
    });
    test("waiting ends with the signal", async () => {
      await using under = await make();
      await using _first = await begin(under.content, { digest });
      const stop = new AbortController();
      const waiting = codeOf(under.content.ingest({ digest }, stop.signal));
      stop.abort();
      expect(await waiting).toBe("cancelled");
      expect(await codeOf(under.content.ingest({ digest }, stop.signal))).toBe("cancelled");
    });
    test("sha512 is kept beside sha256", async () => {
      await using under = await make();
      const long = parseDigest(
        `sha512:${new Bun.CryptoHasher("sha512").update("hello world").digest("hex")}`,
      );
      {
        await using ingest = await begin(under.content, { digest: long });
        await ingest.write(bytesOf("hello world"));
        await ingest.finish();
      }
      await under.content.publish([long]);
      expect(await under.content.verify(long)).toBe("whole");
    });
    test("a text that is no digest never becomes a path", async () => {
      await using under = await make();
      const evil = "sha256:../../../etc/passwd" as Digest;
      for (const doing of [
        () => under.content.ingest({ digest: evil }),
        () => under.content.open(evil),
        () => under.content.read(evil),
        () => under.content.publish([evil]),
        () => under.content.verify(evil),
      ])
        expect(await codeOf(doing())).toMatch(/invalid_argument|not_found/);
    });
    test("a small blob is read whole, a big one refused", async () => {
      await using under = await make();
      await put(under.content, "hello world");
      expect(await codeOf(under.content.read(digest, 10))).toBe("resource_exhausted");
    });
    test("an empty blob is a blob", async () => {
      await using under = await make();
      const empty = await put(under.content, "");
      expect(await under.content.read(empty)).toHaveLength(0);
      expect(await under.content.verify(empty)).toBe("whole");
    });
    test.each(["other bytes", "shorter", "gone"])(
      "a damaged blob (%s) is never served, and heals when it is written again",
      async (how) => {
        await using under = await make();
        const { content } = under;
        await put(content, "hello world");
        const path = await content.open(digest);
        if (how === "gone") await rm(path);
        else await overwrite(path, how === "shorter" ? "hello" : "jello world");
        expect(await codeOf(content.read(digest))).toBe("data_loss");
        expect(content.stat(digest)).toBeUndefined();
        expect(await codeOf(content.open(digest))).toBe("data_loss");
        expect(await content.verify(digest)).toBe(how === "gone" ? "missing" : "damaged");
        await put(content, "hello world");
        expect(await readFile(await content.open(digest), "utf8")).toBe("hello world");
        expect(await content.verify(digest)).toBe("whole");
      },
    );
    test("verify looks at the bytes whatever was seen before", async () => {
      await using under = await make();
      await put(under.content, "hello world");
      const path = await under.content.open(digest);
      await overwrite(path, "jello world");
      expect(await under.content.open(digest)).toBe(path);
      expect(await under.content.verify(digest)).toBe("damaged");
      expect(under.content.stat(digest)).toBeUndefined();
    });
    test("links and sources are remembered once", async () => {
      await using under = await make();
      const { content } = under;
      const [a, b] = [digestOf("a"), digestOf("b")];
      content.link(digest, [a, b]);
      content.link(digest, [a]);
      content.addSource(a, "docker.io/library/alpine");
      content.addSource(a, "docker.io/library/alpine");
      expect(content.childrenOf(digest)).toEqual([a, b].toSorted());
      expect(content.childrenOf(a)).toEqual([]);
      expect(content.sources(a)).toEqual(["docker.io/library/alpine"]);
      expect(under.again().childrenOf(digest)).toHaveLength(2);
    });
  });
}
