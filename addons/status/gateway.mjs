// Asks a gateway how it is, or decides about a pairing: in its container, over loopback, with its own secret, which is never
// printed. One argument, JSON: {port, ledger, decide}. Prints one line of JSON; nothing of sessions and messages is in it.
const { port, ledger, decide } = JSON.parse(process.argv.at(-1));
const LIMIT_MS = 8000;
const { statfs } = await import("node:fs/promises");
const answer = {};

const finish = () => process.stdout.write(`${JSON.stringify(answer)}\n`, () => process.exit(0));
setTimeout(() => {
  answer.failed ??= `no answer within ${LIMIT_MS / 1000} s`;
  finish();
}, LIMIT_MS);

const picked = (entry, ...keys) => Object.fromEntries(keys.map((key) => [key, entry[key]]));

async function probe(path) {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/${path}`);
    return { status: response.status, body: picked(await response.json(), "status", "version", "ready", "failing") };
  } catch (error) {
    return { failed: error.cause?.code ?? error.name };
  }
}

async function fill() {
  const { blocks, bavail, bfree, bsize } = await statfs(process.env.HOME);
  const used = (blocks - bfree) * bsize;
  return { size: used + bavail * bsize, used };
}

// Resolves to a function that calls a method; rejects with the gateway's reason when it does not let us in.
function connect() {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`);
  const waiting = new Map();
  const call = (method, params = {}) =>
    new Promise((resolve) => {
      const id = String(waiting.size + 1);
      waiting.set(id, resolve);
      socket.send(JSON.stringify({ type: "req", id, method, params }));
    });
  return new Promise((resolve, reject) => {
    socket.onerror = () => reject(new Error("the connection failed"));
    socket.onclose = ({ code, reason }) => reject(new Error(`the connection was closed: ${code} ${reason}`));
    socket.onmessage = async ({ data }) => {
      const frame = JSON.parse(data);
      if (frame.type === "res") waiting.get(frame.id)?.(frame);
      if (frame.event !== "connect.challenge") return;
      const { ok, error } = await call("connect", {
        minProtocol: 4,
        maxProtocol: 4,
        client: { id: "gateway-client", version: "1", platform: process.platform, mode: "backend" },
        role: "operator",
        scopes: ["operator.read", "operator.write", "operator.pairing", "operator.admin"],
        auth: { token: process.env.OPENCLAW_GATEWAY_TOKEN, password: process.env.OPENCLAW_GATEWAY_PASSWORD },
      });
      if (ok) resolve(call);
      else reject(new Error(`${error.details?.code ?? error.code}: ${error.message}`));
    };
  });
}

const ASKED = ["requestId", "displayName", "deviceId", "nodeId", "clientId", "platform", "remoteIp", "role", "scopes", "commands", "ts"];
const NODE = ["nodeId", "displayName", "connected", "commands", "approvalState", "remoteIp", "connectedAtMs", "lastDisconnectedAtMs"];
const ROW = ["occurredAt", "action", "status", "toolName", "toolCallId", "runId", "agentId", "actor", "errorCode"];
const READS = [
  ["devices", "device.pair.list", {}, (payload) => payload.pending.map((entry) => picked(entry, ...ASKED))],
  ["surfaces", "node.pair.list", {}, (payload) => payload.pending.map((entry) => picked(entry, ...ASKED))],
  ["nodes", "node.list", {}, (payload) => payload.nodes.map((entry) => picked(entry, ...NODE))],
  ["presence", "system-presence", {}, (payload) => payload.map((entry) => picked(entry, "mode", "reason"))],
];
const LEDGER = [
  ["ledger", "audit.activity.list", { kind: "tool_action", limit: ledger }, (payload) => payload.events.map((event) => picked(event, ...ROW))],
];

async function asked(call, [name, method, params, shown]) {
  const { ok, payload, error } = await call(method, params);
  answer[name] = ok ? { value: shown(payload) } : { failed: error.message };
}

async function decided(call) {
  for (const kind of ["device", "node"]) {
    const { payload } = await call(`${kind}.pair.list`);
    const entry = payload?.pending.find(({ requestId }) => requestId === decide.request);
    if (!entry) continue;
    const done = await call(`${kind}.pair.${decide.approve ? "approve" : "reject"}`, { requestId: decide.request });
    return { kind, ...picked(entry, ...ASKED), failed: done.ok ? undefined : done.error.message };
  }
  return { gone: true };
}

async function rpcs() {
  const call = await connect();
  if (decide) answer.decided = await decided(call);
  else await Promise.all((ledger ? LEDGER : READS).map((read) => asked(call, read)));
}

const probes = ["startupz", "readyz"].map(async (path) => (answer[path] = await probe(path)));
const volume = fill().then((filled) => (answer.home = filled), () => {});
await Promise.all([...probes, volume, rpcs().catch((error) => (answer.failed = error.message))]);
finish();
