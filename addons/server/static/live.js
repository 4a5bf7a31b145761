// One stream of events for all tabs of this browser: the tab that holds the lock reads it, and tells the others.

// A beat comes each 10 s; that none came is said within 15.
const SILENCE = 13_000;
const LONGEST_WAIT = 15_000;
const NAME = "openclaw-addons";

export function follow({ heard, lost }) {
  const channel = new BroadcastChannel(NAME);
  const hear = (kind, data) => {
    last = Date.now();
    silent = false;
    heard(kind, data);
  };
  let last = Date.now();
  let silent = false;
  let retry = () => {};

  channel.onmessage = ({ data: [kind, data] }) => (kind === "lost" ? fall(data) : hear(kind, data));

  function fall(why) {
    silent = true;
    lost(new Date(last), why);
  }

  // Also after sleep: the clock has gone on, and no event came.
  setInterval(() => {
    if (Date.now() - last > SILENCE && !silent) {
      fall("");
      retry();
    }
  }, 1000);

  async function lead() {
    let source;
    let position = "";
    let wait = 1000;
    let timer;

    const tell = (kind, data) => {
      channel.postMessage([kind, data]);
      return kind === "lost" ? fall(data) : hear(kind, data);
    };
    const again = (why) => {
      source?.close();
      tell("lost", why);
      clearTimeout(timer);
      timer = setTimeout(open, wait);
      wait = Math.min(wait * 2, LONGEST_WAIT);
    };
    const open = async () => {
      clearTimeout(timer);
      source?.close();
      // A stream does not say why it was refused; this does.
      const session = await fetch("/api/session", { signal: AbortSignal.timeout(5000) }).catch(() => null);
      if (!session?.ok) return again(session?.status === 401 ? "unknown" : "");
      source = new EventSource(`/api/events?after=${encodeURIComponent(position)}`);
      source.onerror = () => again("");
      // One that opens and says nothing is none.
      timer = setTimeout(again, SILENCE, "");
      for (const kind of ["beat", "changed"]) {
        source.addEventListener(kind, (event) => {
          wait = 1000;
          clearTimeout(timer);
          position = event.lastEventId || position;
          tell(kind, JSON.parse(event.data));
        });
      }
    };
    retry = open;
    addEventListener("online", open);
    await open();
    // For as long as this tab lives: then another one gets the lock.
    await new Promise(() => {});
  }

  // Only https and this machine have locks: elsewhere each tab reads for itself.
  if (navigator.locks) navigator.locks.request(NAME, lead);
  else lead();
  return () => retry();
}
