// Drawing what the bot says. Its texts are shown as they are.
import { h, icon, link, plain, ring, avatar } from "./dom.js";

// draw returns the elements of a message. ctx knows names and takes presses.
export function draw(m, ctx) {
  if (!m.blocks || m.blocks.length === 0) return [h("p", { class: "text", dir: "auto" }, plain(m.text || ""))];
  return m.blocks.map((b) => drawBlock(b, m, ctx)).filter(Boolean);
}

function drawBlock(b, m, ctx) {
  switch (b.kind) {
    case "header":
      return h("h3", { class: "b-header", dir: "auto" }, b.text || "");
    case "text":
      return h("p", { class: "text", dir: "auto" }, spans(b.spans, ctx));
    case "quote":
      return h("blockquote", { dir: "auto" }, spans(b.spans, ctx));
    case "context":
      return h("p", { class: "b-context", dir: "auto" }, spans(b.spans, ctx));
    case "steps":
      return h("ol", { class: "b-steps" }, (b.items || []).map((i) => h("li", { dir: "auto" }, h("span", {}, spans(i, ctx)))));
    case "fields":
      return h("dl", { class: "b-fields" }, (b.fields || []).map((f) => h("div", {}, h("dt", { dir: "auto" }, f.label), h("dd", { dir: "auto" }, spans(f.value, ctx)))));
    case "actions":
      return h("div", { class: "b-actions" }, (b.buttons || []).map((x) => button(x, m, ctx)));
    case "image":
      return b.image && h("p", { class: "b-context" }, "Picture: ", b.image.url ? link(b.image.alt || b.image.url, b.image.url) : b.image.alt);
    case "preview":
      return b.preview && preview(b.preview);
    case "divider":
      return h("hr", {});
    default:
      return h("p", { class: "text", dir: "auto" }, b.text || "", spans(b.spans, ctx));
  }
}

function spans(list, ctx) {
  return (list || []).map((s) => {
    if (s.mention) return h("span", { class: "mention" + (s.mention === ctx.me ? " me" : "") }, "@" + ctx.name(s.mention));
    if (s.channel) return h("button", { type: "button", class: "mention", onclick: () => ctx.go(s.channel) }, "#" + ctx.channelName(s.channel));
    let el = h("span", { dir: "auto", class: "span" }, s.text || "");
    if (s.code) el = h("code", {}, el);
    if (s.bold) el = h("strong", {}, el);
    if (s.italic) el = h("em", {}, el);
    if (s.strike) el = h("s", {}, el);
    return s.url ? link(el, s.url) : el;
  });
}

function button(x, m, ctx) {
  const cls = "btn " + (x.style || "");
  if (x.url) {
    const a = link(x.label, x.url);
    a.className = cls;
    a.dataset.focus = "b:" + x.id;
    return a;
  }
  return h("button", { type: "button", class: cls, "data-focus": "b:" + x.id, "data-action": x.id, onclick: (e) => ctx.press(m, x, e.currentTarget) }, x.label);
}

// preview is a post as people on X will see it.
function preview(p) {
  const parts = p.parts || [];
  return h("figure", { class: "preview", "aria-label": "Preview of the post on X" },
    h("figcaption", {}, icon("globe"), parts.length > 1 ? `On X, as a thread of ${parts.length}` : "On X it will look like this"),
    parts.map((text, i) => h("div", { class: "post" + (i < parts.length - 1 ? " joined" : "") },
      avatar(p.name || p.account, "#12675f", "round"),
      h("div", { class: "post-main" },
        h("p", { class: "post-by" }, h("bdi", { class: "post-name" }, p.name || p.account), h("bdi", { class: "post-handle" }, "@" + p.account)),
        h("p", { class: "post-text", dir: "auto" }, xText(text)),
        p.counts && p.counts[i] !== undefined ? ring(p.counts[i], p.limit) : null))));
}

// xText colours what X makes a link of; nothing of it can be followed.
export function xText(text) {
  const out = [];
  let at = 0;
  for (const m of text.matchAll(/https?:\/\/\S+|(?<![\p{L}\p{N}_])[@#][\p{L}\p{N}_]+/gu)) {
    out.push(text.slice(at, m.index), h("span", { class: "x-link" }, m[0]));
    at = m.index + m[0].length;
  }
  out.push(text.slice(at));
  return out;
}
