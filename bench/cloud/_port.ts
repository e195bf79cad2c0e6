/** A port of 127.0.0.1 that nobody listens on at this moment, for servers that cannot choose one themselves. */
export function freePort(): number {
  using server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: () => undefined },
  });
  return server.port;
}
