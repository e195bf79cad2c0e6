/** Asks a service: prints its answer, or nothing when none comes in time. `_ask.ts tcp|udp ADDRESS PORT LOCAL-PORT SECONDS` */
import dgram from "node:dgram";
import net from "node:net";

const [protocol, host = "", port = "", localPort = "0", seconds = "10"] = process.argv.slice(2);
const end = (text: string) => process.stdout.write(text, () => process.exit(0));
setTimeout(() => end(""), Number(seconds) * 1000);
if (protocol === "udp") {
  const socket = dgram.createSocket("udp4");
  socket.on("error", () => end(""));
  socket.on("message", (message) => end(message.toString()));
  socket.bind(Number(localPort), () => socket.connect(Number(port), host, () => socket.send("?")));
} else {
  const socket = net.connect({ host, port: Number(port) });
  socket.on("error", () => end(""));
  socket.on("data", (bytes: Buffer) => end(bytes.toString().trim()));
}
