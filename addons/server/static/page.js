// Keeps the view as the server has it, sends its forms without leaving it, and says when it is no longer live.

import { follow } from "./live.js";
import { morph } from "./morph.js";
import { clock, local, now, tick } from "./times.js";

const root = document.documentElement;
const main = document.querySelector("#main");
const line = document.querySelector("#line");
const live = document.querySelector("#live");
// Answers to what was asked before the last action are older than the view.
let turn = 0;

function show(text, asked) {
  if (asked !== turn) return null;
  const fresh = new DOMParser().parseFromString(text, "text/html");
  const wanted = fresh.querySelector("#main");
  // What an action answered stays until the next one.
  if (!wanted.querySelector("#said")?.firstElementChild) wanted.querySelector("#said")?.replaceWith(main.querySelector("#said").cloneNode(true));
  morph(main, wanted);
  document.title = fresh.title;
  tick();
  load(false);
  return fresh;
}

// At most one at a time, and one a second: a hundred gateways are no hundred requests.
let busy = false;
let dirty = false;
async function refresh() {
  if (busy) return void (dirty = true);
  busy = true;
  dirty = false;
  const asked = turn;
  try {
    const answer = await fetch(location.href, { signal: AbortSignal.timeout(10_000) });
    if (answer.ok || answer.status === 404) show(await answer.text(), asked);
  } catch {
    // The line says that the server does not answer; the values grow old by themselves.
  }
  setTimeout(() => {
    busy = false;
    if (dirty) refresh();
  }, 1000);
}

// Parts that are read when somebody looks at them.
async function load(again) {
  for (const part of main.querySelectorAll("[data-load]")) {
    if ("loaded" in part.dataset && !again) continue;
    part.dataset.loaded = "";
    const text = await fetch(part.dataset.load).then((answer) => (answer.ok ? answer.text() : ""), () => "");
    const fresh = new DOMParser().parseFromString(text, "text/html").getElementById(part.id);
    if (!fresh) {
      delete part.dataset.loaded;
      continue;
    }
    const focused = document.activeElement?.id;
    part.replaceChildren(...fresh.childNodes);
    if (focused && document.activeElement === document.body) document.getElementById(focused)?.focus();
    tick();
  }
}

function say(says, hint) {
  const told = document.createElement("p");
  told.className = "said wrong";
  told.setAttribute("role", "alert");
  told.tabIndex = -1;
  told.textContent = [says, hint].filter(Boolean).join(" ");
  main.querySelector("#said").replaceChildren(told);
  told.focus();
}

async function act(form, button) {
  const body = new URLSearchParams(new FormData(form, button));
  turn += 1;
  const asked = turn;
  button?.setAttribute("aria-busy", "true");
  main.querySelector("#said").replaceChildren();
  try {
    const answer = await fetch(form.action, { method: "POST", body });
    const text = await answer.text();
    if (answer.ok) {
      show(text, asked);
      turn += 1;
      main.querySelector("[autofocus]")?.focus();
    } else {
      const problem = new DOMParser().parseFromString(text, "text/html").querySelector("#problem");
      say(problem?.querySelector("h1").textContent ?? "The server refused it.", problem?.querySelector("p")?.textContent);
    }
  } catch {
    say("The server did not answer: it is not known whether this was done.", "Look before you repeat it.");
  }
  button?.removeAttribute("aria-busy");
}

addEventListener("submit", (event) => {
  if ("plain" in event.target.dataset) return;
  event.preventDefault();
  act(event.target, event.submitter);
});

addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (button && "loadAgain" in button.dataset) return load(true);
  if (!button?.dataset.copy) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  const word = button.querySelector(".copy-word");
  word.textContent = "Copied";
  setTimeout(() => (word.textContent = "Copy"), 2000);
});
if (!navigator.clipboard) root.classList.add("no-clipboard");

function alive() {
  if (root.dataset.live === "yes") return;
  root.dataset.live = "yes";
  live.textContent = "Live";
  line.hidden = true;
  delete line.dataset.told;
  line.replaceChildren();
  // Whatever happened while nobody told us.
  refresh();
}

const again = follow({
  heard(kind, data) {
    if (kind === "beat") clock(data.now);
    alive();
    if (kind !== "changed") return;
    refresh();
    if (data.jobs.length) load(true);
  },
  lost(since, why) {
    const told = why === "unknown"
      ? "This browser is no longer known: the server was started anew. Open the link that it printed."
      : `Not live since ${local(since)}, retrying. What you see is from then.`;
    root.dataset.live = "no";
    live.textContent = "Not live";
    line.hidden = false;
    if (line.dataset.told === told) return;
    line.dataset.told = told;
    const button = document.createElement("button");
    button.textContent = "Try now";
    button.id = "try-now";
    button.onclick = () => again();
    const words = document.createElement("span");
    words.textContent = told;
    line.replaceChildren(words, button);
  },
});

clock(document.body.dataset.now);
setInterval(tick, 1000);
tick();
load(false);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
