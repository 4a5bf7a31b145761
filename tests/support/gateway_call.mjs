// One call of a gateway's method, in its container, as an operator with its own secret: METHOD and PARAMS, a line of JSON back.
// What OpenClaw's own CLI does, without the seconds of CPU that its start takes.
const [method, params] = process.argv.slice(-2);
const hello = {
  minProtocol: 4,
  maxProtocol: 4,
  client: { id: "gateway-client", version: "1", platform: process.platform, mode: "backend" },
  role: "operator",
  scopes: ["operator.read", "operator.write", "operator.pairing", "operator.admin"],
  auth: { token: process.env.OPENCLAW_GATEWAY_TOKEN, password: process.env.OPENCLAW_GATEWAY_PASSWORD },
};
const socket = new WebSocket("ws://127.0.0.1:18789");
const send = (id, method, params) => socket.send(JSON.stringify({ type: "req", id, method, params }));
const end = ({ ok, payload, error }) => console.log(JSON.stringify({ ok, payload, error })) ?? process.exit();
socket.onclose = ({ code, reason }) => end({ ok: false, error: { message: `closed: ${code} ${reason}` } });
socket.onerror = () => end({ ok: false, error: { message: "the connection failed" } });
socket.onmessage = ({ data }) => {
  const frame = JSON.parse(data);
  if (frame.event === "connect.challenge") send("hello", "connect", hello);
  if (frame.type !== "res") return;
  if (frame.id === "hello" && frame.ok) send("call", method, JSON.parse(params));
  else end(frame);
};
