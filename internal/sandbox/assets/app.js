// The page: two sides, a tour, and which side a phone shows.
import { $, h, icon, rove } from "./dom.js";
import { chat, startChat } from "./chat.js";
import { startX, x, refreshX } from "./xpane.js";

// alone: there is no X on the page, only the team's chat.
const alone = "alone" in document.body.dataset;

const hidden = {
  get() { try { return localStorage.getItem("perch.tour") === "hidden"; } catch { return false; } },
  set(v) { try { localStorage.setItem("perch.tour", v ? "hidden" : ""); } catch { /* it is only a convenience */ } },
};

// be lets the page's person be one of the team and shows a channel.
async function be(handle, channel) {
  pane("chat");
  const u = chat.view.users.find((k) => k.handle === handle);
  if (u && chat.me !== u.ref) await chat.become(u.ref);
  const c = chat.view.channels.find((k) => k.name === channel);
  if (c) chat.go(c.ref);
}

function point(el) {
  if (!el) return;
  el.scrollIntoView({ block: "center" });
  el.focus();
  const frame = el.closest(".box") || el;
  frame.classList.add("pointed");
  setTimeout(() => frame.classList.remove("pointed"), 2400);
}

const last = (selector) => [...document.querySelectorAll(selector)].pop();

// postButton is the button of a preview that posts it.
const postButton = (m) => (m.blocks || []).flatMap((b) => b.buttons || []).find((b) => b.style === "primary");

const steps = [
  {
    title: "Connect the X account", about: "Ada presses Start Authentication in #setup.", done: (t) => t.connected,
    async go() { await be("ada", "setup"); point($("log").querySelector(".b-actions .primary, .b-actions .btn") || chat.boxes.main.box); },
  },
  {
    title: "A customer writes", about: "Send a direct message as Casey.", done: (t) => t.wrote,
    async go() {
      pane("x");
      x.show("dms");
      x.writePrivately();
      if (x.state?.x.customers[0]) x.pick(x.state.x.customers[0].id);
      if (!x.box.box.value) x.box.set("Hi, my order 4411 has not arrived. Can you help?");
      point(x.box.box);
    },
  },
  {
    title: "Answer as Sam", about: "Claim it in #support and answer in its thread.", done: (t) => t.answered,
    async go() {
      await be("sam", "support");
      const claim = [...$("log").querySelectorAll(".b-actions button")].filter((b) => /claim/i.test(b.dataset.action + b.textContent)).pop();
      if (claim) return point(claim);
      const root = last("#log li.msg:not(.only)");
      if (root) chat.openThread(root.dataset.ref);
      else point(chat.boxes.main.box);
    },
  },
  {
    title: "Post an update", about: (t) => (t.incident ? "Add to the timeline, then Post to X." : "Rio opens an incident, then posts an update."), done: (t) => t.posted,
    async go(t) {
      const post = chat.list().filter((m) => (m.blocks || []).some((b) => b.kind === "preview") && postButton(m)).pop();
      if (post) {
        await be("rio", chat.view.channels.find((c) => c.ref === post.channel)?.name);
        if (post.thread) chat.openThread(post.ref, false);
        return point(last(`[data-ref="${CSS.escape(post.ref)}"] [data-action="${CSS.escape(postButton(post).id)}"]`));
      }
      await be("rio", "incidents");
      chat.boxes.main.set(t.incident ? '/timeline add --visibility "status page + twitter" We found the cause and are rolling back.' : "/incident new Checkout is slow");
    },
  },
];

let sig = "";
function renderTour() {
  const t = x.state?.tour || {};
  const done = steps.map((s) => Boolean(s.done(t)));
  const now = done.indexOf(false);
  const want = JSON.stringify([t, hidden.get(), Boolean(x.state)]);
  if (want === sig) return;
  sig = want;
  $("tour").hidden = hidden.get();
  $("tour-show").hidden = !hidden.get();
  const dismiss = h("button", { type: "button", class: "icon-button", "aria-label": "Hide the tour", title: "Hide the tour", onclick: () => { hidden.set(true); renderTour(); $("tour-show").focus(); } }, icon("close"));
  $("tour").classList.toggle("all-done", now < 0);
  $("tour").replaceChildren(
    now < 0 ? h("p", { class: "tour-end", role: "status" }, h("b", {}, "That is Perch. "), "Now break X with the switches, and watch that nothing is lost and nothing is sent twice.") : "",
    h("ol", {}, steps.map((s, i) => h("li", { class: done[i] ? "done" : i === now ? "now" : "", "aria-current": i === now ? "step" : undefined },
      h("span", { class: "tick" }, done[i] ? icon("check") : String(i + 1), done[i] ? h("span", { class: "unseen" }, "Done: ") : ""),
      h("span", { class: "step" }, h("b", {}, s.title), h("i", {}, typeof s.about === "function" ? s.about(t) : s.about)),
      done[i] ? "" : h("button", { type: "button", class: "btn" + (i === now ? " primary" : ""), "data-step": String(i + 1), onclick: () => s.go(t) }, i === now ? "Show me" : "Go", h("span", { class: "unseen" }, `: ${s.title}`))))),
    dismiss);
}

function pane(name) {
  document.body.dataset.pane = name;
  for (const b of document.querySelectorAll("[data-pane-to]")) b.setAttribute("aria-pressed", String(b.dataset.paneTo === name));
  refreshX();
  if (chat.view) chat.go(chat.channel);
}

function changed() {
  if (alone) return;
  renderTour();
  if (!chat.view) return;
  const n = document.body.dataset.pane === "x" ? chat.view.channels.reduce((sum, c) => sum + chat.unread(c.ref), 0) : 0;
  $("bottom-chat").hidden = n === 0;
  $("bottom-chat").textContent = n > 99 ? "99+" : String(n);
}

if (alone) {
  await startChat(changed);
} else {
  for (const b of document.querySelectorAll("[data-pane-to]")) b.addEventListener("click", () => pane(b.dataset.paneTo));
  rove(document.querySelector(".bottom"), "button");
  $("tour-show").addEventListener("click", () => { hidden.set(false); renderTour(); $("tour").querySelector("button")?.focus(); });
  renderTour();
  await Promise.all([startChat(changed), startX(changed)]);
}
document.body.dataset.ready = "true";
