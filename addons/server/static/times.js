// Ages, countdowns and local times, once a second, by the server's clock.

let ahead = 0;

export const now = () => Date.now() + ahead;

export function clock(iso) {
  const difference = Date.parse(iso) - Date.now();
  // What a request takes is no difference of clocks.
  if (Math.abs(difference - ahead) > 2000) ahead = difference;
}

const TIME = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const DAY = { day: "numeric", month: "short", year: "numeric" };

export function local(moment) {
  const today = new Date(now()).toDateString() === moment.toDateString();
  return today ? moment.toLocaleTimeString([], TIME) : moment.toLocaleDateString("en-GB", DAY);
}

// As `lasting` of addons/status/words.py.
function lasting(seconds) {
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} days`;
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function tick() {
  for (const time of document.querySelectorAll("time")) {
    const moment = new Date(time.dateTime);
    const age = Math.max(0, (now() - moment) / 1000);
    if ("age" in time.dataset) {
      put(time, `${lasting(age)} ago`);
      time.classList.toggle("stale", "staleAfter" in time.dataset && age > Number(time.dataset.staleAfter));
    } else if ("at" in time.dataset) {
      put(time, local(moment));
      time.title = moment.toLocaleString();
    } else if ("left" in time.dataset) {
      const left = Math.max(0, Math.ceil((moment - now()) / 1000));
      put(time, `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`);
      end(time.closest(".pairing"), left === 0);
    }
  }
  for (const element of document.querySelectorAll("[data-until]")) {
    element.classList.toggle("lapsed-now", now() > Date.parse(element.dataset.until));
  }
}

function end(pairing, over) {
  pairing.classList.toggle("over", over);
  for (const button of pairing.querySelectorAll("button")) button.disabled = over;
}
