// The box in which one writes, with the commands that begin with a slash.
import { $, h, icon, toast } from "./dom.js";

const hints = () => [...$("hints").options].map((o) => ({ command: o.value, usage: o.dataset.usage, about: o.dataset.about }));

// composer fills a form with a text box. send(text) returns true once the text
// is kept; until then it stays in the box.
export function composer(form, { id, label, placeholder, send, commands, extra }) {
  const list = h("ul", { class: "hints", id: id + "-hints", role: "listbox", "aria-label": "Commands", hidden: true });
  const box = h("textarea", {
    id, rows: 1, dir: "auto", "aria-label": label, placeholder, maxlength: 40000, spellcheck: "true", enterkeyhint: "send",
    ...(commands ? { role: "combobox", "aria-expanded": "false", "aria-controls": list.id, "aria-autocomplete": "list" } : {}),
  });
  const go = h("button", { type: "submit", class: "send", title: "Send (Enter)" }, icon("send"), h("span", { class: "unseen" }, "Send"));
  form.replaceChildren(list, h("div", { class: "box" }, box, go), extra || "");
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
    if (!text || busy) return;
    busy = true;
    close();
    form.classList.add("busy");
    box.readOnly = true;
    try {
      await send(text);
      box.value = "";
      fit();
    } catch (err) {
      // What is kept comes through by itself; all else stays in the box.
      if (err.code === "not_taken") { box.value = ""; fit(); }
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
    label(text) {
      box.placeholder = text;
      box.setAttribute("aria-label", text);
    },
  };
}
