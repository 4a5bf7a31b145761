// Brings the plugins on the volume to those that the stack lists, before the gateway starts: OpenClaw's own installer, with a
// configuration of its own, as the gateway's allows no installation. Arguments: packages by plugin id as JSON, and the record
// of what was installed, which is all that a start with the same list looks at.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

const [list, record] = process.argv.slice(-2);
const wanted = JSON.parse(list);
const program = process.env.OPENCLAW_PROGRAM ?? "/app/openclaw.mjs";

function recorded() {
  try {
    return JSON.parse(readFileSync(record, "utf8"));
  } catch {
    // None yet, or not readable: everything is installed again, which replaces what is there.
    return {};
  }
}

function keep(installed) {
  writeFileSync(`${record}.new`, JSON.stringify(installed));
  renameSync(`${record}.new`, record);
}

function openclaw(...args) {
  const done = spawnSync(process.execPath, [program, "plugins", ...args], { stdio: ["ignore", "inherit", "inherit"] });
  return done.status === 0;
}

function fail(message) {
  console.error(`plugins: ${message}`);
  process.exit(1);
}

const installed = recorded();
const gone = Object.keys(installed).filter((id) => !(id in wanted));
const missing = Object.keys(wanted).filter((id) => installed[id] !== wanted[id]);
if (gone.length + missing.length > 0) {
  const config = process.env.OPENCLAW_CONFIG_PATH;
  mkdirSync(dirname(config), { recursive: true });
  writeFileSync(config, JSON.stringify({ gateway: { mode: "local", bind: "loopback" } }));
}
for (const id of gone) {
  if (!openclaw("uninstall", "--force", id)) fail(`${id} was not removed. See the lines before this one.`);
  delete installed[id];
  keep(installed);
}
for (const id of missing) {
  // `--force` takes the place of another version; capabilities are accepted by listing it.
  const options = ["--force", "--pin", "--accept-capabilities"];
  if (!openclaw("install", ...options, `npm:${wanted[id]}`)) {
    fail(`${wanted[id]} was not installed. Is the version right, and does the pod reach the npm registry?`);
  }
  installed[id] = wanted[id];
  keep(installed);
}
