// The official client, as the tests tell it: one JSON command a line in, one JSON report a line out.
//   argv: url        in: {"name", "open": token} | {"name", "join": room} | {"name", "close": true}
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const [url] = process.argv.slice(2);
const sockets = new Map();
const report = (document) => process.stdout.write(JSON.stringify(document) + "\n");

createInterface({ input: process.stdin }).on("line", (line) => {
  const { name, open, join, close } = JSON.parse(line);
  if (open !== undefined) {
    const socket = io(url, { transports: ["websocket"], auth: { token: open }, reconnection: false, forceNew: true });
    sockets.set(name, socket);
    socket.on("connect", () => report({ name, connected: true }));
    socket.on("connect_error", (error) => report({ name, refused: error.data ?? error.message }));
    socket.on("disconnect", (reason) => report({ name, disconnected: reason }));
    socket.onAny((event, data) => report({ name, event, data }));
  }
  if (join !== undefined) sockets.get(name).emit("join", join, (answer) => report({ name, joined: answer }));
  if (close) sockets.get(name).disconnect();
}).on("close", () => process.exit(0));
