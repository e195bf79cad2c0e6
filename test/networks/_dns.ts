/** A question to a server for names, as JSON: `_dns.ts SERVER NAME TYPE [tcp]`. With `serve ADDRESS` it is a server, which knows outside.example alone. */
import { decode, encode, streamDecode, streamEncode, type Packet, type RecordType } from "dns-packet";
import dgram from "node:dgram";
import net from "node:net";

const [server = "", name = "", type = "A", protocol = "udp"] = process.argv.slice(2);

function say(packet: Packet | undefined): void {
  const answers = packet?.answers?.map((each) => (each as { data?: unknown }).data) ?? [];
  const text = packet ? JSON.stringify({ code: (packet as { rcode?: string }).rcode, answers }) : "";
  process.stdout.write(text, () => process.exit(0));
}

if (server === "serve") serve(name);
else ask();

function ask(): void {
  setTimeout(() => say(undefined), 15_000);
  const query: Packet = {
    type: "query",
    id: 77,
    flags: 256,
    questions: [{ name, type: type as RecordType }],
  };
  if (protocol === "tcp") {
    const socket = net.connect(53, server, () => socket.write(streamEncode(query)));
    socket.on("error", () => say(undefined));
    socket.on("data", (bytes: Buffer) => say(streamDecode(bytes)));
    return;
  }
  const socket = dgram.createSocket("udp4");
  socket.on("error", () => say(undefined));
  socket.on("message", (bytes) => say(decode(bytes)));
  socket.connect(53, server, () => socket.send(encode(query)));
}

function serve(address: string): void {
  const answerTo = (query: Packet): Packet => ({
    ...query,
    type: "response",
    answers:
      query.questions?.[0]?.name === "outside.example"
        ? [{ type: "A", name: "outside.example", ttl: 5, data: "192.0.2.80" }]
        : [],
  });
  const socket = dgram.createSocket("udp4");
  socket.on("message", (bytes, from) =>
    socket.send(encode(answerTo(decode(bytes))), from.port, from.address),
  );
  const streams = net.createServer((stream) => {
    stream.on("error", () => {});
    stream.on("data", (bytes: Buffer) => {
      const query = streamDecode(bytes);
      if (query) stream.end(streamEncode(answerTo(query)));
    });
  });
  socket.bind(53, address, () => streams.listen(53, address, () => process.stdout.write("ready\n")));
}
