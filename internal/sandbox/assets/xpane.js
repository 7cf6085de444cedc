// X, as the outside world sees it.
import { $, h, avatar, files, when, toast, say, rove } from "./dom.js";
import { post, press, watch, get } from "./net.js";
import { xText } from "./blocks.js";
import { composer } from "./composer.js";

const tabs = ["posts", "dms", "log"];
const starters = ["Hi, my order 4411 has not arrived. Can you help?", "Is checkout down? I can't pay.", "Thanks, that fixed it!"];
let state, tab = "posts", customer = "", publicly = false, box, onChange = () => {};
const seen = { posts: 0, dms: {} };

export const x = { get state() { return state; }, get box() { return box; }, show, pick, writePrivately };

export async function startX(changed) {
  onChange = changed;
  const toggle = h("div", { class: "how", role: "radiogroup", "aria-label": "How to write" },
    ["Direct message", "Mention publicly"].map((label, i) => h("button", { type: "button", role: "radio", "aria-checked": String(i === 0), tabindex: i === 0 ? 0 : -1, onclick: () => how(i === 1) }, label)));
  rove(toggle, "button", { pick: (el) => el.click() });
  box = composer($("dm-composer"), {
    id: "dm-text", label: "Write as the customer", placeholder: "Write as the customer", extra: toggle, files: 1, accept: "image/*,video/*",
    send: (text, list) => post(publicly ? "/sandbox/mention" : "/sandbox/dm", { customer, files: list, text: publicly && !text.includes("@" + state.account.handle) ? `@${state.account.handle} ${text}` : text })
      .then(() => { if (publicly) { toast("Posted in public. It is among the public posts."); how(false); } }),
  });
  for (const name of tabs) $("tab-" + name).addEventListener("click", () => show(name));
  rove($("tab-posts").parentElement, "button", { pick: (el) => show(el.id.slice(4)) });
  rove($("customers"), "button", { pick: (el) => { pick(el.dataset.customer); $("customers").querySelector("[aria-checked=true]").focus(); } });
  for (const el of document.querySelectorAll("[data-fault]")) {
    el.addEventListener("click", async () => {
      const on = el.getAttribute("aria-checked") !== "true";
      el.classList.add("pressed");
      await press("/sandbox/fault", { fault: el.dataset.fault, on });
      el.classList.remove("pressed");
    });
    for (const kind of ["mouseenter", "focus"]) el.addEventListener(kind, () => note(el));
    for (const kind of ["mouseleave", "blur"]) el.addEventListener(kind, () => note(null));
  }
  const first = await get("/sandbox/state").catch(() => null);
  if (first) take(first);
  show(tab);
  watch(() => "/sandbox/events", { state: take });
}

function how(isPublic) {
  publicly = isPublic;
  document.querySelectorAll(".how [role=radio]").forEach((el, i) => {
    el.setAttribute("aria-checked", String((i === 1) === publicly));
    el.tabIndex = (i === 1) === publicly ? 0 : -1;
  });
  box?.attachable(!publicly);
  label();
}

function writePrivately() { how(false); }

function label() {
  const c = state?.x.customers.find((k) => k.id === customer);
  if (c && box) box.label(publicly ? `Post in public as ${c.name}` : `Write as ${c.name}`);
}

function take(s) {
  const old = state;
  state = { ...s, account: s.x.account };
  if (!customer || !s.x.customers.some((c) => c.id === customer)) customer = s.x.customers[0]?.id || "";
  if (!old) {
    seen.posts = s.x.posts.length;
    for (const c of s.x.customers) seen.dms[c.id] = theirs(c);
  } else {
    for (const p of s.x.posts) if (!old.x.posts.some((q) => q.id === p.id)) say(`On X, ${p.author.name} posted: ${p.text.slice(0, 160)}`);
  }
  if (old) follow(old);
  renderPosts(old);
  renderCustomers();
  renderBubbles();
  renderLog();
  renderFaults();
  badges();
  label();
  onChange();
}

// follow shows where on X something has just come out of the company, unless
// somebody is writing here.
function follow(old) {
  if (!box || box.box.value || $("x").contains(document.activeElement)) return;
  if (state.x.posts.some((p) => p.author.id === state.account.id && !old.x.posts.some((q) => q.id === p.id))) return show("posts");
  const told = state.x.customers.find((c) => theirs(c) > theirs(old.x.customers.find((k) => k.id === c.id) || { messages: [] }));
  if (told && tab !== "log") {
    customer = told.id;
    show("dms");
  }
}

// theirs counts what the company has written to a customer.
const theirs = (c) => c.messages.filter((m) => !m.mine).length;
const shown = (name) => tab === name && !document.hidden && (document.body.dataset.pane === "x" || !matchMedia("(max-width: 900px)").matches);

function badges() {
  if (!state) return;
  if (shown("posts")) seen.posts = state.x.posts.length;
  const c = state.x.customers.find((k) => k.id === customer);
  if (c && shown("dms")) seen.dms[c.id] = theirs(c);
  const posts = Math.max(0, state.x.posts.length - seen.posts);
  const dms = state.x.customers.reduce((n, k) => n + Math.max(0, theirs(k) - (seen.dms[k.id] || 0)), 0);
  for (const [id, n] of [["n-posts", posts], ["n-dms", dms], ["bottom-x", posts + dms]]) {
    $(id).hidden = n === 0;
    $(id).textContent = String(n);
  }
}

function show(name) {
  tab = name;
  for (const t of tabs) {
    $("tab-" + t).setAttribute("aria-selected", String(t === tab));
    $("tab-" + t).tabIndex = t === tab ? 0 : -1;
    $("panel-" + t).hidden = t !== tab;
  }
  if (tab === "dms") $("bubbles").scrollTop = $("bubbles").scrollHeight;
  badges();
}

export const refreshX = badges;

function pick(id) {
  customer = id;
  renderCustomers();
  renderBubbles();
  badges();
  label();
}

function renderPosts(old) {
  if (old && JSON.stringify(old.x.posts) === JSON.stringify(state.x.posts)) return;
  const posts = state.x.posts, byID = new Map(posts.map((p) => [p.id, p]));
  const root = (p) => { let q = p; for (let i = 0; i < 500 && q.reply_to && byID.has(q.reply_to); i++) q = byID.get(q.reply_to); return q.id; };
  const threads = new Map();
  for (const p of posts) {
    const id = root(p);
    threads.set(id, [...(threads.get(id) || []), p]);
  }
  const list = [...threads.values()].sort((a, b) => new Date(b[b.length - 1].at) - new Date(a[a.length - 1].at));
  $("panel-posts").replaceChildren(...(list.length ? list.map((t) => h("article", { class: "card thread-card" }, t.map((p, i) => post1(p, i < t.length - 1)))) :
    [h("div", { class: "nothing" }, h("p", {}, "No posts yet."), h("p", {}, "What Perch publishes shows up here as the public sees it, updates of one incident as one thread."))]));
}

function post1(p, joined) {
  const own = p.author.id === state.account.id;
  return h("div", { class: "post" + (joined ? " joined" : ""), "data-post": p.id },
    avatar(p.author.name, own ? "#12675f" : undefined, "round"),
    h("div", { class: "post-main" },
      h("p", { class: "post-by" }, h("bdi", { class: "post-name" }, p.author.name), h("bdi", { class: "post-handle" }, "@" + p.author.handle), when(p.at)),
      h("p", { class: "post-text", dir: "auto" }, xText(p.text)), files(p.files)));
}

function renderCustomers() {
  const had = document.activeElement?.dataset?.customer;
  $("customers").replaceChildren(...state.x.customers.map((c) => {
    const n = c.id === customer && shown("dms") ? 0 : Math.max(0, theirs(c) - (seen.dms[c.id] || 0));
    return h("button", { type: "button", role: "radio", "aria-checked": String(c.id === customer), tabindex: c.id === customer ? 0 : -1, "data-customer": c.id, onclick: () => pick(c.id) },
      avatar(c.name, undefined, "round small"), h("span", { class: "person" }, h("b", { dir: "auto" }, c.name), h("i", {}, "@" + c.handle)), n ? h("b", { class: "badge" }, String(n)) : "");
  }));
  if (had) $("customers").querySelector(`[data-customer="${CSS.escape(had)}"]`)?.focus();
}

let bubbleSig = "";
function renderBubbles() {
  const c = state.x.customers.find((k) => k.id === customer);
  const sig = JSON.stringify([customer, c?.messages]);
  if (sig === bubbleSig) return;
  bubbleSig = sig;
  const el = $("bubbles");
  const list = c ? c.messages : [];
  el.replaceChildren(...(list.length ? list.map((m) => h("li", { class: m.mine ? "mine" : "theirs" },
    h("span", { class: "unseen" }, m.mine ? `${c.name}: ` : `${state.account.name}: `), files(m.files), m.text ? h("p", { dir: "auto" }, xText(m.text)) : "", when(m.at))) :
    [h("li", { class: "nothing" }, h("p", {}, `You hold ${c ? c.name + "’s" : "the customer’s"} phone.`), h("p", {}, "Write to the company and watch the team’s chat."),
      h("div", { class: "starters" }, starters.map((s) => h("button", { type: "button", class: "btn", onclick: () => { how(false); box.set(s); } }, s))))]));
  el.scrollTop = el.scrollHeight;
}

function renderLog() {
  const calls = [...state.x.calls].reverse().slice(0, 100);
  $("panel-log").replaceChildren(calls.length ? h("ol", { class: "calls" }, calls.map((c) => h("li", { class: c.status >= 400 || c.note ? "bad" : "" },
    when(c.at), h("code", {}, c.call), h("b", {}, c.status ? String(c.status) : "—"), c.note ? h("i", {}, c.note) : ""))) :
    h("div", { class: "nothing" }, h("p", {}, "No calls yet."), h("p", {}, "Every call of X’s API is listed here as X saw it.")));
}

const faultAt = (name) => document.querySelector(`[data-fault="${name}"]`);
const about = (el) => `${el.textContent}: ${$("about-" + el.dataset.fault).textContent}`;

// note explains the switch that is pointed at, else those that are on.
function note(el) {
  const on = state ? state.x.faults.map(faultAt).filter(Boolean) : [];
  const text = el ? about(el) : on.length ? on.map(about).join(" ") : "Perch must lose nothing and send nothing twice. Try it.";
  if ($("faults-note").textContent !== text) $("faults-note").textContent = text;
}

function renderFaults() {
  const on = new Set(state.x.faults);
  for (const el of document.querySelectorAll("[data-fault]")) el.setAttribute("aria-checked", String(on.has(el.dataset.fault)));
  if (!document.activeElement?.dataset?.fault) note(null);
  document.body.classList.toggle("failing", on.size > 0);
}
