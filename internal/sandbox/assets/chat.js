// The team's chat: channels, messages, threads.
import { $, h, icon, avatar, files, clock, when, dayName, emojiOf, signs, plain, say, toast, rove } from "./dom.js";
import { get, post, press, watch } from "./net.js";
import { draw } from "./blocks.js";
import { composer } from "./composer.js";
import { ask, showForm, syncForms } from "./forms.js";

const quick = ["eyes", "+1", "white_check_mark", "tada"];
let view, me, channel, thread = "", cursor = "", acted = 0, stop = () => {}, onChange = () => {};
const messages = new Map();
const boxes = {};
const rows = { log: new Map(), "thread-log": new Map() };

export const chat = { get me() { return me; }, get view() { return view; }, get channel() { return channel; }, list: () => sorted(), become, go, openThread, boxes, unread };

const sorted = () => [...messages.values()].sort((a, b) => a.number - b.number);
const person = (ref) => (view && (ref === view.bot.ref ? view.bot : view.users.find((u) => u.ref === ref))) || { ref, name: "Somebody", handle: "" };
const channelOf = (ref) => view.channels.find((c) => c.ref === ref);
const isBot = (ref) => view && ref === view.bot.ref;

// store keeps what has been read, by person; a browser without storage forgets.
const store = {
  get(k) { try { return localStorage.getItem("perch." + k); } catch { return null; } },
  set(k, v) { try { localStorage.setItem("perch." + k, v); } catch { /* it is only a convenience */ } },
};
const epoch = () => cursor.split(".")[0];
const readKey = (ch) => `read.${epoch()}.${me}.${ch}`;

export function startChat(changed) {
  onChange = changed;
  boxes.main = composer($("composer"), { id: "composer-text", label: "Message", placeholder: "Message", commands: true, files: 4, send: (text, list) => { acted = Date.now(); return post("/chat/message", { as: me, channel, text, files: list }); } });
  boxes.thread = composer($("thread-composer"), {
    id: "thread-text", label: "Answer in the thread", placeholder: "Answer in the thread", commands: true, files: 4,
    send: (text, list) => post("/chat/message", { as: me, channel: messages.get(thread)?.channel || channel, thread, text, files: list }),
  });
  $("thread-close").append(icon("close"));
  $("thread-close").addEventListener("click", () => closeThread(true));
  $("to-end").addEventListener("click", () => { toEnd($("log")); });
  for (const id of ["log", "thread-log"]) {
    rove($(id), ":scope > li.msg", { vertical: true });
    $(id).addEventListener("scroll", () => { if (id === "log" && atEnd($("log"))) { $("to-end").hidden = true; markRead(); } }, { passive: true });
  }
  rove($("channels"), "button", { vertical: true });
  document.addEventListener("keydown", (e) => {
    if (e.key === "Escape" && thread && !document.querySelector("dialog[open]")) closeThread(true);
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { markRead(); renderChannels(); } });
  let was;
  try { was = sessionStorage.getItem("perch.me"); } catch { was = null; }
  window.addEventListener("hashchange", showLinked);
  return become(was || "webchat:U_ada").then(showLinked);
}

// become reads the chat anew as another person.
async function become(ref) {
  stop();
  let v;
  try {
    v = await get("/chat/state?as=" + encodeURIComponent(ref));
  } catch (err) {
    if (err.status === 403 && ref !== "webchat:U_ada") return become("webchat:U_ada");
    toast("Perch does not answer. Trying again…");
    await new Promise((done) => setTimeout(done, 1500));
    return become(ref);
  }
  view = v;
  me = v.me.ref;
  cursor = v.cursor;
  try { sessionStorage.setItem("perch.me", me); } catch { /* it is only a convenience */ }
  messages.clear();
  for (const m of v.messages) messages.set(m.ref, m);
  for (const id of Object.keys(rows)) rows[id].clear();
  $("log").replaceChildren();
  $("thread-log").replaceChildren();
  if (!channel || !channelOf(channel)) channel = v.channels[0]?.ref;
  if (thread && !messages.get(thread)) closeThread(false);
  stop = watch(() => `/chat/events?as=${encodeURIComponent(me)}&since=${encodeURIComponent(cursor)}`, {
    message(m, id) { cursor = id; take(m); },
    channel(c, id) {
      cursor = id;
      const i = view.channels.findIndex((x) => x.ref === c.ref);
      if (i < 0) view.channels.push(c);
      else view.channels[i] = c;
      renderChannels();
      onChange();
    },
    forms(list) { syncForms(list, me); },
    reset() { become(me); },
  });
  renderPeople();
  render();
  toEnd($("log"));
  syncForms(v.forms, me);
  onChange();
}

// linked is the message that the page's address names.
const linked = () => messages.get(decodeURIComponent((location.hash.match(/^#message=(.+)$/) || [])[1] || ""));

function showLinked() {
  const m = linked();
  if (!m) return;
  go(m.channel);
  if (m.thread) openThread(m.ref, false);
  const li = [...document.querySelectorAll(`li.msg[data-ref="${CSS.escape(m.ref)}"]`)].pop();
  li?.scrollIntoView({ block: "center" });
  li?.focus({ preventScroll: true });
}

function take(m) {
  const old = messages.get(m.ref);
  const stick = atEnd($("log")), stickThread = atEnd($("thread-log"));
  messages.set(m.ref, m);
  if (!old && !m.deleted && m.user !== me) {
    const who = m.author ? m.author.name : person(m.user).name;
    say(`${who} in ${channelOf(m.channel)?.name || "a channel"}: ${summary(m)}`);
  }
  if (!old && answersMe(m)) openThread(m.thread, false);
  if (m.channel === channel) {
    renderLog();
    if (stick) toEnd($("log"));
    else if (!old && !m.thread) $("to-end").hidden = false;
    if (thread) renderThread();
    if (thread && stickThread) toEnd($("thread-log"));
  }
  markRead();
  renderChannels();
  onChange();
}

// answersMe: what I have just asked for is answered in a thread that is not open.
function answersMe(m) {
  if (!m.thread || thread || m.channel !== channel || !isBot(m.user) || m.author || Date.now() - acted > 15000) return false;
  const mentioned = (m.blocks || []).some((b) => b.kind === "preview" || (b.spans || []).some((s) => s.mention === me));
  return m.only || mentioned;
}

const summary = (m) => (m.text || (m.files || []).map((f) => f.name).join(", ")).replace(/\s+/g, " ").slice(0, 160);
const atEnd = (el) => el.scrollHeight - el.scrollTop - el.clientHeight < 60;
const toEnd = (el) => { el.scrollTop = el.scrollHeight; };

function markRead() {
  if (!view || document.hidden || document.body.dataset.pane === "x" && matchMedia("(max-width: 900px)").matches) return;
  const last = Math.max(0, ...sorted().filter((m) => m.channel === channel).map((m) => m.number));
  store.set(readKey(channel), String(last));
}

function unread(ref) {
  const read = Number(store.get(readKey(ref)) || 0);
  return sorted().filter((m) => m.channel === ref && m.number > read && m.user !== me && !m.deleted && (!m.thread || messages.has(m.thread))).length;
}

function renderPeople() {
  const box = $("people");
  box.replaceChildren(...view.users.map((u) => h("button", {
    type: "button", role: "radio", "aria-checked": String(u.ref === me), tabindex: u.ref === me ? 0 : -1, "data-ref": u.ref, title: `${u.name}, ${u.title}`,
    onclick: () => { if (u.ref !== me) become(u.ref).then(() => say(`You are ${u.name} now, ${u.title}.`)); },
  }, avatar(u.name, u.colour, "small"), h("span", { class: "person" }, h("b", {}, u.name.split(" ")[0], h("span", { class: "rest" }, u.name.slice(u.name.split(" ")[0].length))), h("i", {}, u.title || "")))));
  if (!box.dataset.roving) {
    box.dataset.roving = "1";
    rove(box, "button", { pick: async (el) => { const ref = el.dataset.ref; await become(ref); box.querySelector(`[data-ref="${CSS.escape(ref)}"]`)?.focus(); } });
  }
  $("me-note").textContent = `You are ${view.me.name}${view.me.title ? ", " + view.me.title.toLowerCase() : ""}.`;
}

function renderChannels() {
  if (!view) return;
  const had = document.activeElement?.dataset?.channel;
  $("channels").replaceChildren(...view.channels.map((c) => {
    const n = c.ref === channel ? 0 : unread(c.ref);
    return h("li", {}, h("button", {
      type: "button", "data-channel": c.ref, "aria-current": c.ref === channel ? "page" : undefined, tabindex: c.ref === channel ? 0 : -1, class: n ? "unread" : "", onclick: () => go(c.ref),
    }, h("span", { class: "hash", "aria-hidden": "true" }, c.private ? icon("lock") : "#"), h("span", { class: "channel-name", dir: "auto" }, c.name),
    n ? h("b", { class: "badge" }, n > 99 ? "99+" : String(n), h("span", { class: "unseen" }, " unread")) : ""));
  }));
  if (had) $("channels").querySelector(`[data-channel="${CSS.escape(had)}"]`)?.focus();
  $("channels").querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

// go shows a channel.
function go(ref) {
  if (!channelOf(ref)) return;
  if (ref !== channel) {
    closeThread(false);
    rows.log.clear();
    $("log").replaceChildren();
  }
  channel = ref;
  render();
  toEnd($("log"));
  onChange();
}

function render() {
  const c = channelOf(channel);
  $("room-name").textContent = c ? "#" + c.name : "";
  $("room-purpose").textContent = c?.topic || c?.purpose || "";
  boxes.main.label(c ? (matchMedia("(max-width: 520px)").matches ? "Message, or / for commands" : `Message #${c.name}, or / for commands`) : "Message");
  $("to-end").hidden = true;
  renderLog();
  renderThread();
  markRead();
  renderChannels();
}

function renderLog() {
  const all = sorted().filter((m) => m.channel === channel);
  const answers = new Map();
  for (const m of all) {
    if (m.thread && !m.deleted) answers.set(m.thread, [...(answers.get(m.thread) || []), m]);
  }
  const list = all.filter((m) => (!m.thread || !messages.has(m.thread)) && (!m.deleted || (!m.only && answers.has(m.ref))));
  paint("log", list, answers);
}

function renderThread() {
  const root = messages.get(thread);
  $("thread").hidden = !root;
  $("chat").classList.toggle("with-thread", Boolean(root));
  if (!root) return;
  $("thread-where").textContent = "#" + (channelOf(root.channel)?.name || "");
  paint("thread-log", sorted().filter((m) => m.ref === thread || (m.thread === thread && !m.deleted)), null);
}

// paint brings a list of messages up to date and leaves alone what stayed the same.
function paint(id, list, answers) {
  const log = $(id), known = rows[id], want = [];
  const focus = log.contains(document.activeElement) ? document.activeElement : null;
  const focusRow = focus?.closest("li.msg")?.dataset.ref, focusKey = focus?.dataset.focus;
  let prev;
  for (const m of list) {
    if (!prev || dayName(prev.at) !== dayName(m.at)) want.push(row(known, "day " + dayName(m.at), "", () => h("li", { class: "day" }, h("span", {}, dayName(m.at)))));
    const joined = Boolean(prev) && prev.user === m.user && same(prev.author, m.author) && !m.only && !prev.only && !prev.deleted &&
      new Date(m.at) - new Date(prev.at) < 3e5 && dayName(prev.at) === dayName(m.at) && !(m.blocks?.length) && !(answers?.get(prev.ref));
    const kids = answers?.get(m.ref) || [];
    const sig = JSON.stringify([m, joined, kids.map((k) => [k.ref, k.only]), me, thread === m.ref]);
    want.push(row(known, m.ref, sig, () => message(m, joined, kids, id)));
    prev = m;
  }
  if (want.length === 0) want.push(row(known, "empty", channel, () => h("li", { class: "empty" }, "Nothing here yet.")));
  const keep = new Set(want);
  for (const [k, r] of known) if (!keep.has(r)) { r.el.remove(); known.delete(k); }
  const els = new Set(want.map((r) => r.el));
  for (const old of [...log.children]) if (!els.has(old)) old.remove();
  want.forEach((r, i) => { if (log.children[i] !== r.el) log.insertBefore(r.el, log.children[i] || null); });
  const tabbable = [...log.querySelectorAll(":scope > li.msg")];
  if (tabbable.length && !tabbable.some((el) => el.tabIndex === 0)) tabbable[tabbable.length - 1].tabIndex = 0;
  if (focusRow && !log.contains(document.activeElement)) {
    const li = log.querySelector(`li.msg[data-ref="${CSS.escape(focusRow)}"]`);
    (li?.querySelector(`[data-focus="${CSS.escape(focusKey || "")}"]`) || li)?.focus({ preventScroll: true });
  }
}

const same = (a, b) => JSON.stringify(a || null) === JSON.stringify(b || null);

function row(known, key, sig, make) {
  let r = known.get(key);
  if (!r || r.sig !== sig) {
    const fresh = { sig, el: make() };
    if (r) {
      fresh.el.tabIndex = r.el.tabIndex;
      r.el.remove();
    } else fresh.el.classList.add("fresh");
    known.set(key, fresh);
    r = fresh;
  }
  return r;
}

function message(m, joined, kids, where) {
  if (m.deleted) {
    return h("li", { class: "msg deleted", "data-ref": m.ref, tabindex: -1 }, h("p", { class: "text" }, "This message was deleted."), answersOf(m, kids));
  }
  const p = person(m.user);
  const name = m.author ? m.author.name : p.name;
  const ctx = {
    me, name: (ref) => person(ref).name, channelName: (ref) => channelOf(ref)?.name || "channel", go,
    press: pressButton,
  };
  return h("li", {
    class: "msg" + (joined ? " joined" : "") + (m.only ? " only" : "") + (thread === m.ref && where === "log" ? " open" : ""), "data-ref": m.ref, tabindex: -1,
    "aria-label": `${name}, ${clock(m.at)}: ${summary(m)}`,
    onkeydown: (e) => {
      if (e.key === "Enter" && e.target === e.currentTarget && where === "log") openThread(m.ref);
    },
  },
  joined ? h("span", { class: "joined-time" }, when(m.at)) : m.author ? avatar(name, undefined, "customer") : isBot(m.user) ? h("img", { class: "avatar", src: "/sandbox/assets/perch.svg", alt: "" }) : avatar(name, p.colour),
  h("div", { class: "msg-main" },
    m.only ? h("p", { class: "only-note" }, icon("eye"), "Only you can see this") : m.pinned ? h("p", { class: "only-note" }, "📌 Pinned") : "",
    joined ? "" : h("p", { class: "msg-by" }, h("bdi", { class: "msg-name" }, name),
      m.author ? [m.author.handle ? h("bdi", { class: "msg-handle" }, "@" + m.author.handle) : "", h("span", { class: "tag via" }, "customer on X")] : h("span", { class: "tag" }, isBot(m.user) ? "app" : p.title || ""), when(m.at)),
    h("div", { class: "msg-body" }, !m.text && !m.blocks?.length ? "" : isBot(m.user) ? draw(m, ctx) : h("p", { class: "text", dir: "auto" }, plain(m.text || "")), files(m.files),
      m.edited && !m.edited.startsWith("0001") && !isBot(m.user) ? h("span", { class: "edited" }, "edited") : ""),
    reactionsOf(m), answersOf(m, kids)),
  tools(m, where));
}

function reactionsOf(m) {
  const list = (m.reactions || []).map((r) => {
    const mine = r.users.includes(me), sign = signs[r.emoji];
    const byBot = r.users.some(isBot);
    const names = r.users.map((u) => person(u).name).join(", ");
    return h("button", {
      type: "button", class: "reaction" + (mine ? " mine" : "") + (sign && byBot ? " sign " + sign.cls : ""), "aria-pressed": String(mine), "data-focus": "r:" + r.emoji,
      title: names, onclick: () => react(m, r.emoji, !mine),
    }, sign ? icon(sign.icon) : h("span", {}, emojiOf(r.emoji)), sign && byBot ? h("span", {}, sign.label) : h("span", {}, String(r.users.length)),
    h("span", { class: "unseen" }, `${sign ? "" : " " + r.emoji.replaceAll("_", " ")} by ${names}`));
  });
  return list.length ? h("div", { class: "reactions" }, list) : "";
}

const react = (m, emoji, on) => press("/chat/react", { as: me, ref: m.ref, emoji, on });

function answersOf(m, kids) {
  if (!kids.length) return "";
  const last = kids[kids.length - 1];
  return h("button", { type: "button", class: "answers", "data-focus": "answers", onclick: () => openThread(m.ref) }, icon("reply"),
    h("b", {}, kids.length === 1 ? "1 answer" : `${kids.length} answers`), h("span", {}, `last ${clock(last.at)}`));
}

function tools(m, where) {
  const one = (name, label, fn) => h("button", { type: "button", class: "icon-button", "aria-label": label, title: label, "data-focus": "t:" + name, tabindex: -1, onclick: fn }, icon(name));
  const box = h("div", { class: "tools", role: "toolbar", "aria-label": "What to do with this message" });
  if (m.only) {
    box.append(one("close", "Dismiss", () => press("/chat/dismiss", { as: me, ref: m.ref })));
  } else {
    box.append(...quick.map((e) => h("button", {
      type: "button", class: "icon-button", "aria-label": `React with ${e.replaceAll("_", " ")}`, title: e.replaceAll("_", " "), "data-focus": "q:" + e, tabindex: -1,
      onclick: () => react(m, e, !(m.reactions || []).some((r) => r.emoji === e && r.users.includes(me))),
    }, signs[e] ? icon(signs[e].icon) : emojiOf(e))));
    if (where === "log") box.append(one("reply", "Answer in a thread", () => openThread(m.ref)));
    if (m.user === me) {
      box.append(one("edit", "Edit", () => editMessage(m)), one("trash", "Delete", async () => {
        if (await ask("Delete this message?", "Delete", true)) press("/chat/delete", { as: me, ref: m.ref });
      }));
    }
  }
  box.querySelectorAll("button").forEach((b) => { b.tabIndex = 0; });
  rove(box, "button");
  return box;
}

function editMessage(m) {
  showForm({ id: "edit", title: "Edit message", submit: "Save", inputs: [{ name: "text", label: "Message", lines: 4, initial: m.text, max: 40000 }] },
    { submit: (f) => post("/chat/edit", { as: me, ref: m.ref, text: f.text }) });
}

async function pressButton(m, x, el) {
  if (x.confirm && !(await ask(x.confirm, x.label, x.style === "danger"))) return;
  acted = Date.now();
  el.classList.add("pressed");
  el.setAttribute("aria-busy", "true");
  await press("/chat/action", { as: me, ref: m.ref, action: x.id, value: x.value || "" });
  el.classList.remove("pressed");
  el.removeAttribute("aria-busy");
}

function openThread(ref, focus = true) {
  const m = messages.get(ref);
  if (!m || (m.only && !m.thread)) return;
  const root = m.thread && messages.has(m.thread) ? m.thread : ref;
  if (thread !== root) {
    rows["thread-log"].clear();
    $("thread-log").replaceChildren();
  }
  if (m.channel !== channel) go(m.channel);
  thread = root;
  renderLog();
  renderThread();
  toEnd($("thread-log"));
  if (focus) boxes.thread.box.focus();
}

function closeThread(focus) {
  const was = thread;
  thread = "";
  if (!view) return;
  renderLog();
  renderThread();
  if (focus) $("log").querySelector(`li.msg[data-ref="${CSS.escape(was)}"]`)?.focus();
}
