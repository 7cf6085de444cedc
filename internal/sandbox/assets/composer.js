// The box in which one writes, with the commands that begin with a slash.
import { $, h, icon, toast } from "./dom.js";

const hints = () => [...$("hints").options].map((o) => ({ command: o.value, usage: o.dataset.usage, about: o.dataset.about }));

const mostBytes = 8 << 20;

const read = (file) => new Promise((done, fail) => {
  const r = new FileReader();
  r.onload = () => done(r.result);
  r.onerror = () => fail(new Error(`${file.name} can't be read.`));
  r.readAsDataURL(file);
});

// tray holds the files that go with the next message, up to most of them.
function tray(id, most, accept) {
  let held = [];
  const list = h("ul", { class: "tray", "aria-label": "Files to send", hidden: true });
  const input = h("input", { type: "file", id: id + "-files", class: "unseen", tabindex: -1, multiple: most > 1, accept, "aria-hidden": "true" });
  const button = h("button", { type: "button", class: "icon-button attach", "aria-label": "Attach a file", title: "Attach a file", onclick: () => input.click() }, icon("clip"));
  const paint = () => {
    list.hidden = held.length === 0;
    list.replaceChildren(...held.map((f) => h("li", {},
      f.url.startsWith("data:image/") && !f.url.startsWith("data:image/svg") ? h("img", { src: f.url, alt: "" }) : icon("file"), h("span", { dir: "auto" }, f.name),
      h("button", { type: "button", class: "icon-button", "aria-label": `Remove ${f.name}`, title: "Remove", onclick: () => { held = held.filter((x) => x !== f); paint(); } }, icon("close")))));
  };
  const add = async (files) => {
    for (const file of files) {
      if (most === 1) held = [];
      if (held.length >= most) return toast(`At most ${most} files go with a message.`);
      if (held.reduce((n, f) => n + f.size, file.size) > mostBytes) return toast(`The files of a message may have ${mostBytes >> 20} MB here.`);
      try {
        held = [...held, { name: file.name || "picture.png", size: file.size, url: await read(file) }];
      } catch (err) {
        toast(err.message);
      }
      paint();
    }
  };
  input.addEventListener("change", () => add([...input.files]).then(() => { input.value = ""; }));
  return {
    list, input, button, add, get size() { return held.length; },
    take: () => held.map((f) => ({ name: f.name, data: f.url.slice(f.url.indexOf(",") + 1) })),
    clear() { held = []; paint(); },
  };
}

// composer fills a form with a text box. send(text, files) returns true once
// the text is kept; until then it stays in the box.
export function composer(form, { id, label, placeholder, send, commands, extra, files = 0, accept }) {
  const held = files ? tray(id, files, accept) : null;
  const list = h("ul", { class: "hints", id: id + "-hints", role: "listbox", "aria-label": "Commands", hidden: true });
  const box = h("textarea", {
    id, rows: 1, dir: "auto", "aria-label": label, placeholder, maxlength: 40000, spellcheck: "true", enterkeyhint: "send",
    ...(commands ? { role: "combobox", "aria-expanded": "false", "aria-controls": list.id, "aria-autocomplete": "list" } : {}),
  });
  const go = h("button", { type: "submit", class: "send", title: "Send (Enter)" }, icon("send"), h("span", { class: "unseen" }, "Send"));
  form.replaceChildren(list, held ? held.list : "", h("div", { class: "box" }, held ? [held.button, held.input] : "", box, go), extra || "");
  if (held) {
    const dropped = (e) => [...(e.dataTransfer || e.clipboardData)?.files || []];
    form.addEventListener("dragover", (e) => { if (!held.button.hidden) e.preventDefault(); });
    form.addEventListener("drop", (e) => { if (!held.button.hidden) { e.preventDefault(); held.add(dropped(e)); } });
    box.addEventListener("paste", (e) => {
      if (held.button.hidden || dropped(e).length === 0) return;
      e.preventDefault();
      held.add(dropped(e));
    });
  }
  let shown = [], at = 0, busy = false;

  const fit = () => {
    box.style.height = "auto";
    box.style.height = Math.min(box.scrollHeight, 160) + "px";
  };
  const close = () => {
    list.hidden = true;
    shown = [];
    box.setAttribute("aria-expanded", "false");
    box.removeAttribute("aria-activedescendant");
  };
  const mark = () => {
    [...list.children].forEach((li, i) => li.setAttribute("aria-selected", String(i === at)));
    box.setAttribute("aria-activedescendant", `${id}-h${at}`);
    if (list.children[at]) list.children[at].scrollIntoView({ block: "nearest" });
  };
  const take = (i) => {
    box.value = shown[i].command + " ";
    close();
    fit();
    box.focus();
  };
  const suggest = () => {
    const text = box.value;
    shown = commands && /^\/[^\n]*$/.test(text) ? hints().filter((x) => x.command.startsWith(text.toLowerCase()) && x.command !== text.trimEnd()) : [];
    if (shown.length === 0) return close();
    at = 0;
    list.replaceChildren(...shown.map((x, i) => h("li", { role: "option", id: `${id}-h${i}`, onmousedown: (e) => { e.preventDefault(); take(i); } },
      h("b", {}, x.command), x.usage ? h("i", {}, " " + x.usage) : "", h("span", {}, x.about))));
    list.hidden = false;
    box.setAttribute("aria-expanded", "true");
    mark();
  };
  box.addEventListener("input", () => { fit(); if (commands) suggest(); });
  box.addEventListener("blur", close);
  box.addEventListener("keydown", (e) => {
    if (e.isComposing) return;
    if (shown.length > 0) {
      if (e.key === "ArrowDown" || e.key === "ArrowUp") {
        e.preventDefault();
        at = (at + (e.key === "ArrowDown" ? 1 : shown.length - 1)) % shown.length;
        return mark();
      }
      if (e.key === "Tab" && !e.shiftKey) { e.preventDefault(); return take(at); }
      if (e.key === "Escape") { e.stopPropagation(); return close(); }
    }
    if (e.key === "Enter" && !e.shiftKey) {
      e.preventDefault();
      form.requestSubmit();
    }
  });
  // The Enter that followed a link to this box must not become a line of it.
  box.addEventListener("keypress", (e) => { if (e.key === "Enter" && !e.shiftKey) e.preventDefault(); });
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    const text = box.value.trim();
    if (!text && !(held && held.size) || busy) return;
    busy = true;
    close();
    form.classList.add("busy");
    box.readOnly = true;
    try {
      await send(text, held ? held.take() : []);
      box.value = "";
      held?.clear();
      fit();
    } catch (err) {
      // What is kept comes through by itself; all else stays in the box.
      if (err.code === "not_taken") { box.value = ""; held?.clear(); fit(); }
      toast(err.message);
    } finally {
      busy = false;
      box.readOnly = false;
      form.classList.remove("busy");
      if (document.activeElement === document.body) box.focus();
    }
  });
  return {
    box,
    set(text) {
      box.value = text;
      fit();
      box.focus();
      box.setSelectionRange(text.length, text.length);
      if (commands) suggest();
    },
    // attachable says whether files can go with the next message.
    attachable(yes) {
      if (!held) return;
      held.button.hidden = !yes;
      if (!yes) held.clear();
    },
    label(text) {
      box.placeholder = text;
      box.setAttribute("aria-label", text);
    },
  };
}
