// OpenClaw's own gateway client, as a person's device runs it: from the gateway's image, with an identity of its own.
// Prints lines of JSON. The token comes from the environment.
//   node client.mjs call URL METHOD [backend]: as a CLI, or as a backend service, which gateways trust more
//   node client.mjs session URL: one call for each line of JSON {id, method, params} on its input; prints answers and events
//   node client.mjs load URL CLIENTS REQUESTS_PER_SECOND SECONDS
import crypto from "node:crypto";
import http from "node:http";
import readline from "node:readline";

const { GatewayClient } = await import("/app/dist/plugin-sdk/gateway-runtime.js");
const token = process.env.CLIENT_TOKEN;
const scopes = ["operator.read", "operator.write", "operator.pairing", "operator.admin"];

// Resolves once the gateway said hello; rejects with its reason when it refuses.
function connect(url, options = {}) {
  return new Promise((resolve, reject) => {
    const lost = { closes: 0 };
    const client = new GatewayClient({
      url,
      token,
      role: "operator",
      scopes,
      clientName: "cli",
      mode: "cli",
      ...options,
      onHelloOk: () => resolve({ client, lost }),
      onConnectError: (error) => {
        // Before it is stopped, which it reports as another error.
        reject(error);
        client.stop();
      },
      onClose: () => (lost.closes += 1),
    });
    client.start();
  });
}

function refusal(error) {
  return { ok: false, code: error.details?.code ?? error.gatewayCode ?? error.code ?? error.name, message: error.message };
}

// A fresh Ed25519 identity, in the shape that the client stores.
function identity() {
  const { publicKey, privateKey } = crypto.generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  return {
    deviceId: crypto.createHash("sha256").update(raw).digest("hex"),
    publicKeyPem: publicKey.export({ format: "pem", type: "spki" }),
    privateKeyPem: privateKey.export({ format: "pem", type: "pkcs8" }),
  };
}

async function call(url, method, kind) {
  const backend = { clientName: "gateway-client", mode: "backend", deviceIdentity: identity() };
  const { client } = await connect(url, kind === "backend" ? backend : {});
  try {
    return { ok: true, result: await client.request(method, {}) };
  } finally {
    client.stop();
  }
}

// `approver` (this container's identity) must be paired. Returns clients with an identity each, all paired.
async function paired(url, count, approver) {
  const found = [];
  for (let number = 0; number < count; number++) {
    const options = { deviceIdentity: identity() };
    const refused = await connect(url, options).then(
      () => ({ code: "NOT_ASKED_TO_PAIR" }),
      (error) => refusal(error),
    );
    if (refused.code !== "PAIRING_REQUIRED") throw new Error(`client ${number}: ${JSON.stringify(refused)}`);
    const { pending } = await approver.request("device.pair.list", {});
    const request = pending.find((entry) => entry.deviceId === options.deviceIdentity.deviceId);
    await approver.request("device.pair.approve", { requestId: request.requestId });
    found.push(await connect(url, options));
  }
  return found;
}

function get(agent, url) {
  return new Promise((resolve, reject) => {
    http
      .get(url, { agent }, (response) => {
        response.resume();
        response.on("end", () => (response.statusCode === 200 ? resolve() : reject(new Error(response.statusCode))));
      })
      .on("error", reject);
  });
}

function percentiles(values) {
  values.sort((one, other) => one - other);
  const at = (part) => Math.round((values[Math.floor(values.length * part)] ?? NaN) * 10) / 10;
  return { count: values.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(0.9999) };
}

async function load(url, count, rate, seconds) {
  const { client: approver } = await connect(url);
  const clients = await paired(url, count, approver);
  const page = `${url.replace(/^ws/, "http")}/healthz`;
  const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  const [requests, calls, errors, running] = [[], [], {}, []];
  const timed = (into, work) => {
    const begin = performance.now();
    running.push(
      work.then(
        () => into.push(performance.now() - begin),
        (error) => (errors[error.message] = (errors[error.message] ?? 0) + 1),
      ),
    );
  };
  const begin = performance.now();
  let sent = 0;
  let called = 0;
  // Open loop: what is due is sent, whether or not earlier answers came.
  while (performance.now() - begin < seconds * 1000) {
    const passed = (performance.now() - begin) / 1000;
    for (; sent < passed * rate; sent++) timed(requests, get(agent, page));
    // Each client asks something once a second.
    for (; called < passed * count; called++) timed(calls, clients[called % count].client.request("health", {}));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await Promise.all(running);
  const closes = clients.reduce((sum, { lost }) => sum + lost.closes, 0);
  for (const { client } of clients) client.stop();
  approver.stop();
  return { ok: true, errors, closes, http: percentiles(requests), ws: percentiles(calls) };
}

// Until its input ends. The first line tells whether the gateway let it in.
async function session(url) {
  const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
  const onEvent = ({ event, payload }) => print({ event, payload });
  // As the Control UI says of itself: it shows requests for approval, so that runs wait for an answer.
  const { client } = await connect(url, {
    onEvent,
    scopes: [...scopes, "operator.approvals"],
    caps: ["approvals", "exec-approvals"],
    clientName: "openclaw-tui",
    mode: "ui",
  });
  print({ ok: true });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { id, method, params } = JSON.parse(line);
    client.request(method, params).then(
      (result) => print({ id, ok: true, result }),
      (error) => print({ id, ...refusal(error) }),
    );
  }
  client.stop();
  return { ok: true, closed: true };
}

const [mode, url, ...rest] = process.argv.slice(2);
const works = { load: () => load(url, ...rest.map(Number)), session: () => session(url), call: () => call(url, ...rest) };
const said = await works[mode]().catch(refusal);
process.stdout.write(`${JSON.stringify(said)}\n`, () => process.exit(0));
