/** A service in a container: answers each connection and each datagram at a port with its own name and who asks. `_serve.ts NAME PORT` */
import dgram from "node:dgram";
import net from "node:net";

const [name = "", port = "80"] = process.argv.slice(2);
const plain = (address = ""): string => address.replace(/^::ffff:/, "");
const server = net.createServer((socket) => {
  socket.on("error", () => {});
  socket.write(`${name} ${plain(socket.remoteAddress)}\n`);
  // What comes later is sent back, for connections that stay.
  socket.pipe(socket);
});
const datagrams = dgram.createSocket({ type: "udp4", reuseAddr: true });
// Who asked may have gone.
datagrams.on("error", () => {});
datagrams.on("message", (_, from) => datagrams.send(`${name} ${from.address}`, from.port, from.address));
await new Promise<void>((resolve) => datagrams.bind(Number(port), resolve));
server.listen({ port: Number(port), host: "::" }, () => process.stdout.write("ready\n"));
