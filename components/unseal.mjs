// Opens the sealed auth key for the sidecar: ciphertext from the Secret, or from the state volume where the Secret is gone.
// Leaves the plain key in memory only, and a copy of the ciphertext on the state volume.
import { createDecipheriv } from "node:crypto";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";

const [subject, kekFile, sealedFile, copyFile, plainFile] = process.argv.slice(1);

function fail(reason) {
  console.error(`unseal: ${reason}`);
  process.exit(1);
}

function read(file, what) {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    return fail(`cannot read ${what} (${error.code}). Run pulumi up --refresh to write it again.`);
  }
}

function write(file, data) {
  // Kubernetes may run this again in the same pod, and a run may end half-way: what is there cannot be written over.
  rmSync(file, { force: true });
  // The sidecar reads by group; the mode keeps everybody else out.
  writeFileSync(file, data, { mode: 0o440 });
}

function place(file, put) {
  try {
    put();
  } catch (error) {
    // The error of a full volume names no path.
    fail(`cannot write ${file} (${error.code}). Is the volume full or read-only?`);
  }
}

const source = existsSync(sealedFile) ? sealedFile : copyFile;
const sealed = read(source, "the sealed auth key");
const kek = Buffer.from(read(kekFile, "the key-encryption key"), "base64");
const parts = sealed.split(".");
let header;
try {
  header = JSON.parse(Buffer.from(parts[0], "base64url").toString()) ?? {};
} catch {
  fail("the sealed auth key is damaged: its header cannot be read. Run pulumi up --refresh, or rotate the key.");
}
if (parts.length !== 5 || header.alg !== "dir" || header.enc !== "A256GCM") {
  fail("the sealed auth key is damaged: it is not a JWE of this stack. Run pulumi up --refresh, or rotate the key.");
}
if (header.kid !== subject) {
  fail(`the sealed auth key belongs to ${JSON.stringify(header.kid)}, not to "${subject}". It is not used.`);
}
if (kek.length !== 32) {
  fail("the key-encryption key is damaged: it has not 32 bytes. Run pulumi up --refresh, or rotate the key.");
}
let plain;
try {
  const [iv, ciphertext, tag] = parts.slice(2).map((part) => Buffer.from(part, "base64url"));
  const decipher = createDecipheriv("aes-256-gcm", kek, iv, { authTagLength: 16 });
  decipher.setAAD(Buffer.from(parts[0], "ascii"));
  decipher.setAuthTag(tag);
  plain = Buffer.concat([decipher.update(ciphertext), decipher.final()]);
} catch {
  fail("the sealed auth key does not open: it was changed, or sealed with another key. Run pulumi up --refresh, or rotate the key.");
}
place(plainFile, () => write(plainFile, plain));
if (source === sealedFile) {
  place(copyFile, () => {
    write(`${copyFile}.new`, sealed);
    renameSync(`${copyFile}.new`, copyFile);
  });
}
const opened = `unseal: opened the auth key of ${subject} (${source === sealedFile ? "from the Secret" : "from the state volume"})`;
console.log(opened);
if (source === copyFile && existsSync("/dev/termination-log")) {
  // What ends well leaves no message of its own: whoever looks at the pod would not hear that the Secret is gone.
  try {
    writeFileSync("/dev/termination-log", opened);
  } catch {
    // The key is open: that nobody hears of it stops nothing.
  }
}
