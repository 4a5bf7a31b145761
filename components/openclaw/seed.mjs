// Run before each start of a gateway whose owner changes its configuration on the volume: what is there stays, but for the
// stack's own keys, which are as the stack has them. Arguments: the configuration for an empty volume, the stack's keys
// (`set`: their values; `remove` and `keep`: patterns of places, `*` for any key), and the file on the volume.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";

// Wrong configuration, as OpenClaw itself says it.
const UNUSABLE = 78;
const [seedPath, keysPath, path] = process.argv.slice(-3);
const { set, remove, keep } = JSON.parse(readFileSync(keysPath, "utf8"));

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const covers = (pattern, place) =>
  pattern.length <= place.length && pattern.every((part, index) => part === "*" || part === place[index]);

// As `reserved` of reserved.py finds them.
function isOurs(place, value) {
  // A file beside this one would decide, and nobody looks at it.
  if (place.at(-1) === "$include") return true;
  if (keep.some((pattern) => covers(pattern, place) || (isObject(value) && covers(place, pattern)))) return false;
  const row = remove.find((pattern) => covers(pattern, place));
  const holdsOthers = isObject(value) && remove.some((pattern) => pattern.length > place.length && covers(place, pattern));
  return row !== undefined && !(row.at(-1) === "*" && holdsOthers);
}

function theirs(value, place) {
  if (Array.isArray(value)) return value.map((item, index) => theirs(item, [...place, String(index)]));
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, item, [...place, key]]);
  return Object.fromEntries(
    entries.filter(([, item, here]) => !isOurs(here, item)).map(([key, item, here]) => [key, theirs(item, here)]),
  );
}

function laidUnder(given, ours) {
  const merged = isObject(given) ? { ...given } : {};
  for (const [key, value] of Object.entries(ours)) merged[key] = isObject(value) ? laidUnder(merged[key], value) : value;
  return merged;
}

const sorted = (value) => (isObject(value) ? Object.fromEntries(Object.entries(value).sort()) : value);
const canonical = (value) => JSON.stringify(value, (_, item) => sorted(item));

function written(value) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, JSON.stringify(value, null, 2), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    // Somebody edited it by hand, with comments: the image has OpenClaw's own reader.
    return createRequire("/app/")("json5").parse(text);
  }
}

let text;
try {
  text = readFileSync(path, "utf8");
} catch (error) {
  if (error.code !== "ENOENT") throw error;
}
if (text === undefined) {
  written(JSON.parse(readFileSync(seedPath, "utf8")));
  console.log(`configuration: written to ${path}, which the page and the CLI change from now on`);
} else {
  let given;
  try {
    given = parsed(text);
    if (!isObject(given)) throw new Error("it is no object");
  } catch (error) {
    console.error(`configuration: ${path} cannot be read, and nothing was changed: ${error.message}. Correct it, or remove it.`);
    process.exit(UNUSABLE);
  }
  const wanted = laidUnder(theirs(given, []), set);
  if (canonical(wanted) !== canonical(given)) {
    written(wanted);
    console.log(`configuration: the stack's own keys were set again in ${path}`);
  }
}
