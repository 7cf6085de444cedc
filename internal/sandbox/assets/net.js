// Talking to Perch: requests that are done once however often they are sent,
// and streams that go on where they were.
import { $, toast } from "./dom.js";

const header = document.body.dataset.header;

export class Refused extends Error {
  constructor(status, body) {
    super((body && body.error && body.error.message) || "That did not work.");
    this.status = status;
    this.code = (body && body.error && body.error.code) || "";
    this.fields = (body && body.error && body.error.fields) || {};
  }
}

export const newID = () => (crypto.randomUUID ? crypto.randomUUID() : Date.now().toString(36) + Math.random().toString(36).slice(2));

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// post sends once: a request whose answer was lost is sent again with the same id.
export async function post(path, body) {
  const raw = JSON.stringify({ id: newID(), ...body });
  for (let attempt = 0; ; attempt++) {
    let res;
    try {
      res = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json", [header]: "1" }, body: raw });
    } catch (err) {
      if (attempt >= 4) throw new Error("Perch does not answer. Your text is kept; try again.");
      await pause(400 * 2 ** attempt);
      continue;
    }
    if (res.status === 204) return {};
    const answer = await res.json().catch(() => ({}));
    if (res.ok) return answer;
    if (res.status === 503 && attempt < 3) {
      await pause(300 * 2 ** attempt);
      continue;
    }
    throw new Refused(res.status, answer);
  }
}

// press sends and shows what went wrong.
export async function press(path, body) {
  try {
    return await post(path, body);
  } catch (err) {
    toast(err.message);
    return null;
  }
}

export async function get(path) {
  const res = await fetch(path, { cache: "no-store" });
  if (!res.ok) throw new Refused(res.status, await res.json().catch(() => ({})));
  return res.json();
}

const down = new Set();

// watch keeps a stream open while the page can be seen: browsers allow only a
// few at once. url is asked anew each time, so that it can say where to go on.
export function watch(url, handlers) {
  let source, timer, ended = false;
  const name = {};
  const mark = (isDown) => {
    if (isDown) down.add(name);
    else down.delete(name);
    $("offline").hidden = down.size === 0;
  };
  const open = () => {
    clearTimeout(timer);
    if (ended || document.hidden || source) return;
    source = new EventSource(url());
    source.onopen = () => mark(false);
    source.onerror = () => {
      shut();
      timer = setTimeout(open, 1000);
      mark(true);
    };
    for (const [kind, fn] of Object.entries(handlers)) {
      source.addEventListener(kind, (e) => fn(JSON.parse(e.data), e.lastEventId));
    }
  };
  const shut = () => {
    if (source) source.close();
    source = undefined;
  };
  const turn = () => {
    if (document.hidden) {
      clearTimeout(timer);
      shut();
      mark(false);
    } else open();
  };
  document.addEventListener("visibilitychange", turn);
  open();
  return () => {
    ended = true;
    document.removeEventListener("visibilitychange", turn);
    clearTimeout(timer);
    shut();
    mark(false);
  };
}
