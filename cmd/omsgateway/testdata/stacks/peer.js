// TLS client and server that are told what to do on standard input. Each line begins with a number, and so does its answer:
//
//	N serve PEM                 start a server that asks for a certificate and gives back what it gets; answers its port
//	N connect PORT VERSION PEM  connect, with a session that is known, say "ECHO ping-pong" and wait for the answer; tells "new" or "resumed"
//	N close                     close that connection in order
const fs = require("fs"), tls = require("tls"), readline = require("readline");

const sessions = new Map(); // by port and version
let connection;

const commands = {
  serve(answer, file) {
    const pem = fs.readFileSync(file);
    const options = {cert: pem, key: pem, requestCert: true, rejectUnauthorized: false};
    const server = tls.createServer(options, socket => {
      socket.on("error", () => socket.destroy());
      socket.pipe(socket);
    });
    server.on("tlsClientError", error => console.error(error.message));
    server.listen(0, "127.0.0.1", () => answer(server.address().port));
  },
  connect(answer, port, version, file) {
    const pem = fs.readFileSync(file), known = port + " " + version;
    connection = tls.connect({
      host: "127.0.0.1", port, servername: "localhost", rejectUnauthorized: false, cert: pem, key: pem,
      minVersion: "TLSv" + version, maxVersion: "TLSv" + version, session: sessions.get(known),
    }, () => connection.write("ECHO ping-pong\n"));
    connection.on("session", session => sessions.set(known, session));
    connection.on("error", error => answer("failed: " + error.message));
    let text = "";
    connection.on("data", data => {
      text += data;
      if (text.endsWith("\n")) answer((connection.isSessionReused() ? "resumed " : "new ") + text.trim());
    });
  },
  close(answer) {
    connection.on("close", () => answer("closed"));
    connection.end();
  },
};

readline.createInterface({input: process.stdin}).on("line", line => {
  const [number, command, ...args] = line.split(" ");
  commands[command](text => console.log(number + " " + text), ...args);
}).on("close", () => process.exit());
