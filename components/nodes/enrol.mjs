// Introduces a node to its gateway: with the gateway's secret it asks to be paired, until somebody has approved it.
// From then on the node has a credential of its own, and the commands that it runs never see the gateway's secret,
// which every command would find in its environment otherwise.
//   node enrol.mjs MARKER SECRET-FILE COMMAND [ARGUMENT ...]
// MARKER: written once it is done; nothing is asked again while it is there. SECRET-FILE: NAME=VALUE, removed then;
// "-" where the environment has it already.
import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [marker, secretFile, ...command] = process.argv.slice(process.argv[1]?.endsWith("enrol.mjs") ? 2 : 1);
// A request that is not repeated is forgotten after five minutes.
const REPEAT_MS = Number(process.env.ENROL_REPEAT_MS ?? 60_000);

function secret() {
  if (secretFile === "-") return {};
  const line = readFileSync(secretFile, "utf8").trim();
  const end = line.indexOf("=");
  return { [line.slice(0, end)]: line.slice(end + 1) };
}

// Runs the node host until it is connected (true), or until it has asked and waits for an approval (false).
function attempt(environment) {
  return new Promise((resolve) => {
    const child = spawn(command[0], command.slice(1), { env: environment, stdio: ["ignore", "pipe", "pipe"] });
    let connected = false;
    const stop = () => child.kill("SIGTERM");
    const read = (line) => {
      console.error(line);
      if (line.includes("node host gateway connected")) connected = true;
      // It would wait for ever, also once it is approved.
      if (connected || line.includes("detail=PAIRING_REQUIRED")) stop();
    };
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", read);
    child.on("error", (error) => {
      console.error(`enrol: ${command[0]} does not start (${error.code})`);
      process.exit(1);
    });
    child.on("close", () => resolve(connected));
  });
}

if (existsSync(marker)) process.exit(0);
const environment = { ...process.env, ...secret() };
while (!(await attempt(environment))) {
  console.error("enrol: not approved yet. In the gateway: openclaw devices list, then openclaw devices approve REQUEST");
  await new Promise((resolve) => setTimeout(resolve, REPEAT_MS));
}
writeFileSync(marker, "");
if (secretFile !== "-") rmSync(secretFile);
console.error("enrol: paired. What it may execute is approved apart: openclaw nodes pending, openclaw nodes approve REQUEST");
