// Building the page. Every text goes in as text: nothing here ever parses HTML.

export const $ = (id) => document.getElementById(id);

// h makes an element. Properties that begin with "on" listen, the others are attributes.
export function h(tag, props, ...kids) {
  const el = document.createElement(tag);
  for (const [k, v] of Object.entries(props || {})) {
    if (v === undefined || v === null || v === false) continue;
    if (k.startsWith("on")) el.addEventListener(k.slice(2), v);
    else if (k === "colour") el.style.setProperty("--who", v);
    else el.setAttribute(k, v === true ? "" : v);
  }
  el.append(...kids.flat(Infinity).filter((k) => k !== undefined && k !== null && k !== false && k !== ""));
  return el;
}

const paths = {
  close: "M6 6l12 12M18 6L6 18",
  back: "M15 5l-7 7 7 7",
  reply: "M5 6h14v10H11l-4 3.500v-3.500H5z",
  edit: "M5 19l1-4L16 5l3 3L9 18z",
  trash: "M5 7h14M9 7V5h6v2M7 7l1 12h8l1-12",
  eye: "M3 12c3-5 6-6.500 9-6.500s6 1.500 9 6.500c-3 5-6 6.500-9 6.500S6 17 3 12zM12 9.500a2.500 2.500 0 100 5 2.500 2.500 0 000-5z",
  send: "M4 12l16-7-6 15-3-6z",
  smile: "M12 4a8 8 0 100 16 8 8 0 000-16zM8.500 14c1.800 2.400 5.200 2.400 7 0M9 9.500v.5M15 9.500v.5",
  lock: "M7 11V8.500a5 5 0 0110 0V11M6 11h12v8H6z",
  check: "M5 12.500l4.500 4.500L19 7.500",
  wait: "M12 5a7 7 0 100 14 7 7 0 000-14zM12 8.500V12l2.500 2",
  warn: "M12 5l8 14H4zM12 10v4M12 16.300v.4",
  clip: "M8 12.500l6-6a2.800 2.800 0 014 4l-8 8a4.500 4.500 0 01-6.400-6.400l7.400-7.400",
  file: "M7 4h7l4 4v12H7zM14 4v4h4",
  globe: "M12 4a8 8 0 100 16 8 8 0 000-16zM4 12h16M12 4c-5 5-5 11 0 16M12 4c5 5 5 11 0 16",
};

// icon draws one of the page's own pictures; it says nothing to a screen reader.
export function icon(name, cls) {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon" + (cls ? " " + cls : ""));
  svg.setAttribute("aria-hidden", "true");
  const p = document.createElementNS(ns, "path");
  p.setAttribute("d", paths[name]);
  svg.append(p);
  return svg;
}

// ring shows how much of a limit is used.
export function ring(count, limit) {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "ring");
  svg.setAttribute("aria-hidden", "true");
  const part = limit > 0 ? Math.min(count / limit, 1) : 0;
  const round = 2 * Math.PI * 9.5;
  for (const [cls, len] of [["ring-rest", round], ["ring-used", round * part]]) {
    const c = document.createElementNS(ns, "circle");
    c.setAttribute("cx", "12");
    c.setAttribute("cy", "12");
    c.setAttribute("r", "9.5");
    c.setAttribute("class", cls);
    c.setAttribute("stroke-dasharray", `${len} ${round}`);
    svg.append(c);
  }
  const state = count > limit ? "over" : count > limit * 0.9 ? "near" : "";
  return h("span", { class: "count " + state, title: "As X counts: addresses are 23, most emoji 2" }, svg,
    h("span", {}, `${count}`, h("span", { class: "count-of" }, ` / ${limit}`)));
}

export function initials(name) {
  const words = (name || "?").trim().split(/\s+/);
  const first = (w) => [...(w || "")][0] || "";
  return (first(words[0]) + (words.length > 1 ? first(words[words.length - 1]) : "")).toLocaleUpperCase();
}

// colourOf gives a name always the same colour of a short, readable list.
export function colourOf(name) {
  const list = ["#7a4fa3", "#a04668", "#30719c", "#8a6414", "#4d7d36", "#a8512f", "#4a5fa8", "#2f7f78"];
  let n = 0;
  for (const c of name || "") n = (n * 31 + c.codePointAt(0)) >>> 0;
  return list[n % list.length];
}

export function avatar(name, colour, cls) {
  return h("span", { class: "avatar " + (cls || ""), colour: colour || colourOf(name), "aria-hidden": "true" }, initials(name));
}

export const clock = (t) => new Date(t).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

export function when(t) {
  return h("time", { datetime: t, title: new Date(t).toLocaleString() }, clock(t));
}

export function dayName(t) {
  const d = new Date(t), now = new Date();
  const days = Math.round((new Date(now.getFullYear(), now.getMonth(), now.getDate()) - new Date(d.getFullYear(), d.getMonth(), d.getDate())) / 864e5);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return d.toLocaleDateString([], { weekday: "long", day: "numeric", month: "long" });
}

// The names of emoji that Perch and this page use.
const emoji = {
  eyes: "👀", "+1": "👍", tada: "🎉", heart: "❤️", pray: "🙏", white_check_mark: "✅", warning: "⚠️",
  hourglass_flowing_sand: "⏳", hourglass: "⏳", x: "❌", rocket: "🚀", fire: "🔥", wave: "👋", no_entry: "⛔", envelope: "✉️", speech_balloon: "💬",
};
export const emojiOf = (name) => emoji[name] || `:${name}:`;

// The signs that say how a message to a customer fares.
export const signs = {
  hourglass_flowing_sand: { icon: "wait", cls: "sending", label: "Sending" },
  hourglass: { icon: "wait", cls: "sending", label: "Sending" },
  white_check_mark: { icon: "check", cls: "delivered", label: "Delivered" },
  warning: { icon: "warn", cls: "attention", label: "Needs attention" },
  lock: { icon: "lock", cls: "inside", label: "Stays among you" },
};

// plain shows a text as it was written; addresses in it can be followed.
export function plain(text) {
  const out = [];
  let at = 0;
  for (const m of text.matchAll(/https?:\/\/[^\s<>"'\u0000-\u001f]+[^\s<>"'.,;:!?)\]\u0000-\u001f]/g)) {
    out.push(text.slice(at, m.index), link(m[0], m[0]));
    at = m.index + m[0].length;
  }
  out.push(text.slice(at));
  return out;
}

// link leads to another window, so that the sandbox stays where it is; links
// to its own messages stay in it.
export function link(label, url) {
  const own = url.startsWith(location.origin + "/#");
  return h("a", { href: url, target: own ? undefined : "_blank", rel: own ? undefined : "noopener noreferrer" }, label);
}

const bytes = (n) => (n >= 1 << 20 ? `${Math.ceil(n / (1 << 20))} MB` : n >= 1024 ? `${Math.ceil(n / 1024)} KB` : `${n} bytes`);

// grown keeps the end of a list in sight, where a picture has just got its size.
function grown(e) {
  const box = e.target.closest(".log, .bubbles");
  if (box && box.scrollHeight - box.scrollTop - box.clientHeight < e.target.offsetHeight + 80) box.scrollTop = box.scrollHeight;
}

// files shows pictures and films, and offers all else to be saved.
export function files(list) {
  if (!list || list.length === 0) return "";
  return h("div", { class: "files" }, list.map((f) => {
    if (f.show === "image") return h("a", { class: "picture", href: f.url, target: "_blank", rel: "noopener noreferrer", title: f.name }, h("img", { src: f.url, alt: f.alt || `Picture: ${f.name}`, onload: grown }));
    if (f.show === "video") return h("video", { src: f.url, controls: true, preload: "metadata", "aria-label": f.alt || `Video: ${f.name}` });
    return h("a", { class: "document", href: f.url, download: f.name }, icon("file"), h("span", { dir: "auto" }, f.name), h("i", {}, bytes(f.size)));
  }));
}

export function say(text) {
  $("live").textContent = text;
}

let toastTimer;
export function toast(text) {
  const el = $("toast");
  el.textContent = text;
  el.classList.add("on");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => el.classList.remove("on"), 6000);
}

// rove lets the arrow keys move between a group's members, of which one can be tabbed to.
export function rove(group, selector, { vertical = false, pick } = {}) {
  group.addEventListener("keydown", (e) => {
    const [prev, next] = vertical ? ["ArrowUp", "ArrowDown"] : ["ArrowLeft", "ArrowRight"];
    if (![prev, next, "Home", "End"].includes(e.key)) return;
    const all = [...group.querySelectorAll(selector)];
    const i = all.indexOf(document.activeElement);
    if (i < 0) return;
    e.preventDefault();
    const to = e.key === prev ? Math.max(i - 1, 0) : e.key === next ? Math.min(i + 1, all.length - 1) : e.key === "Home" ? 0 : all.length - 1;
    if (!pick) for (const [j, el] of all.entries()) el.tabIndex = j === to ? 0 : -1;
    all[to].focus();
    if (pick) pick(all[to]);
  });
}
