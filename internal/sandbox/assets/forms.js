// Forms and questions, as dialogs: Esc closes them.
import { h, toast } from "./dom.js";
import { post, press } from "./net.js";

// show opens a dialog with a form. submit(fields) may throw a Refused with fields.
export function showForm(form, { submit, closed }) {
  const errors = {}, inputs = {};
  const rows = (form.inputs || []).map((i, n) => {
    const id = `field-${form.id || "local"}-${i.name}`;
    const common = { id, name: i.name, "aria-describedby": `${id}-note`, "aria-required": i.optional ? undefined : "true", autofocus: n === 0 };
    let el;
    if (i.options && i.options.length) {
      el = h("select", common, i.optional ? h("option", { value: "" }, "—") : "", i.options.map((o) => h("option", { value: o.value }, o.label)));
    } else if (i.lines > 1) {
      el = h("textarea", { ...common, rows: Math.min(i.lines, 10), dir: "auto" });
    } else {
      el = h("input", { ...common, type: "text", dir: "auto", autocomplete: "off" });
    }
    if (i.initial) el.value = i.initial;
    const left = h("span", { class: "field-left" });
    const count = () => { if (i.max) left.textContent = `${[...el.value].length} / ${i.max}`; };
    el.addEventListener("input", count);
    count();
    inputs[i.name] = el;
    errors[i.name] = h("span", { class: "field-error" });
    return h("div", { class: "field" },
      h("label", { for: id }, i.label, i.optional ? h("span", { class: "field-optional" }, " optional") : ""),
      el, h("p", { class: "field-note", id: `${id}-note` }, errors[i.name], i.hint ? h("span", {}, i.hint) : "", left));
  });
  const problem = h("p", { class: "form-problem", role: "alert" });
  const go = h("button", { type: "submit", class: "btn primary" }, form.submit || "Save");
  const body = h("form", { novalidate: true, onsubmit: onSubmit }, h("h2", {}, form.title), rows, problem,
    h("div", { class: "dialog-actions" }, h("button", { type: "button", class: "btn", onclick: () => dialog.close("cancel") }, "Cancel"), go));
  const dialog = h("dialog", { class: "dialog", "aria-label": form.title, onclose: onClose }, body);
  let done = false;

  async function onSubmit(e) {
    e.preventDefault();
    go.disabled = true;
    problem.textContent = "";
    for (const el of Object.values(errors)) el.textContent = "";
    try {
      await submit(Object.fromEntries(Object.entries(inputs).map(([k, el]) => [k, el.value])));
      done = true;
      dialog.close();
    } catch (err) {
      if (err.code === "not_taken") {
        done = true;
        dialog.close();
        return toast(err.message);
      }
      problem.textContent = err.message;
      const bad = Object.entries(err.fields || {});
      for (const [k, v] of bad) if (errors[k]) errors[k].textContent = v + " ";
      if (bad.length && inputs[bad[0][0]]) inputs[bad[0][0]].focus();
    } finally {
      go.disabled = false;
    }
  }
  function onClose() {
    dialog.remove();
    if (closed) closed(done);
  }
  document.body.append(dialog);
  dialog.showModal();
  return { close() { done = true; dialog.close(); } };
}

// ask asks a question and is true if the answer is yes.
export function ask(question, yes, danger) {
  return new Promise((answer) => {
    let said = false;
    const dialog = h("dialog", { class: "dialog small", "aria-label": question, onclose: () => { dialog.remove(); answer(said); } },
      h("p", { class: "question", dir: "auto" }, question),
      h("div", { class: "dialog-actions" },
        h("button", { type: "button", class: "btn", autofocus: true, onclick: () => dialog.close() }, "Cancel"),
        h("button", { type: "button", class: "btn " + (danger ? "danger" : "primary"), onclick: () => { said = true; dialog.close(); } }, yes)));
    document.body.append(dialog);
    dialog.showModal();
  });
}

const open = new Map();

// sync shows the forms that Perch has opened for me and closes those that are gone.
export function syncForms(forms, me) {
  const key = (f) => me + " " + f.id;
  const want = new Set(forms.map(key));
  for (const [k, f] of open) {
    if (!want.has(k)) {
      open.delete(k);
      f.close();
    }
  }
  for (const f of forms) {
    if (open.has(key(f))) continue;
    open.set(key(f), showForm(f.form, {
      submit: (fields) => post("/chat/submit", { as: me, form: f.id, fields }),
      closed: (done) => {
        if (open.delete(key(f)) && !done) press("/chat/close", { as: me, form: f.id });
      },
    }));
  }
}
