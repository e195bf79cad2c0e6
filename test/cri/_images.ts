/** The calls of ImageService over an engine on a data root of its own, by gRPC on a unix socket. */
import { type Client, createClient } from "@connectrpc/connect";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import type { CriContext } from "../../src/api/cri/cri.ts";
import { translated } from "../../src/api/cri/errors.ts";
import { imageCalls } from "../../src/api/cri/images/calls.ts";
import type { LiveEngine } from "../../src/engine/engine.ts";
import { openRegistries } from "../../src/engine/registry/open.ts";
import { openRuntimes } from "../../src/runtime/open.ts";
import { ImageService } from "../../src/wire/cri/cri_pb.ts";
import { openGrpcClient } from "../../src/wire/grpc/client.ts";
import { openGrpcServer } from "../../src/wire/grpc/server.ts";
import { testEngine } from "../pull/parts.ts";

export interface ImagesWorld extends AsyncDisposable {
  readonly context: CriContext;
  readonly images: Client<typeof ImageService>;
}

export async function openImagesWorld(change: Partial<CriContext["settings"]> = {}): Promise<ImagesWorld> {
  await using stack = new AsyncDisposableStack();
  const opened = stack.use(await testEngine());
  const stop = new AbortController();
  stack.defer(() => stop.abort());
  const context: CriContext = {
    engine: Object.create(opened, {
      registries: { value: openRegistries({}, { dockerConfig: "/nonexistent" }) },
      runtimes: {
        value: openRuntimes({
          root: join(opened.root, "runtime"),
          externals: {},
          default: "native",
          init: join(opened.root, "init"),
          warn: () => undefined,
        }),
      },
    }) as LiveEngine,
    settings: { ...opened.settings.cri, ...change },
    clock: systemClock(),
    log: () => undefined,
    signal: stop.signal,
  };
  const path = join(opened.root, "cri.sock");
  stack.use(
    await openGrpcServer({
      path,
      log: context.log,
      routes: (router) => router.service(ImageService, translated(imageCalls(context), context.log)),
    }),
  );
  const { transport } = stack.use(openGrpcClient(path));
  const open = stack.move();
  return {
    context,
    images: createClient(ImageService, transport),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}
