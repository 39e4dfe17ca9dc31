// A question before anything is done: what will happen, what has to be said, and what came of it. Nothing is sent twice by a
// double click; who was refused reads why, and what is possible now.

import { NoAnswer, NotSignedIn } from "../core/api.js";
import { button, element, setText } from "../core/dom.js";
import { moment } from "../core/format.js";
import { session } from "../core/store.js";
import { keep, takeBack } from "../core/unsaid.js";
import { field, said } from "./fields.js";

const UNSURE = "The gateway does not answer. It may have been done or not: look before you send it again.";

let number = 0;

// `asked`: { title, about, means, fields, label, submit(said) -> closes | false, back() -> where the focus goes, wide }
export function openDialog(asked) {
  const dialog = element("dialog", asked.wide ? "case-dialog wide" : "case-dialog");
  const prefix = `dialog-${(number += 1)}`;
  const form = element("form");
  const title = element("h2", "", asked.title);
  title.id = `${prefix}-title`;
  const about = element("p", "about", asked.about);
  const means = element("p", "means", asked.means);
  means.id = `${prefix}-means`;
  const trouble = element("p", "act-trouble");
  trouble.setAttribute("role", "alert");
  const instead = element("div", "actions instead");
  const shown = element("div", "shown");
  const fields = asked.fields.map(field);
  const send = element("button", "send", asked.label);
  send.type = "submit";
  const choices = element("p", "choices");
  choices.append(button("Back", () => dialog.close()), send);
  form.append(title, about, means, ...fields.map(({ box }) => box), shown, trouble, instead, choices);
  dialog.append(form);
  dialog.setAttribute("aria-labelledby", title.id);
  dialog.setAttribute("aria-describedby", means.id);
  document.body.append(dialog);

  let busy = false;
  const self = {
    fields, shown,
    open: () => dialog.open,
    close: () => dialog.close(),
    about: (text) => setText(about, text),
    label: (text) => setText(send, text),
    tell(text) {
      setText(trouble, text);
      if (text) trouble.scrollIntoView({ block: "nearest" });
    },
    // Buttons for what can be done now in place of what was asked for.
    instead(nodes, withoutSend) {
      instead.replaceChildren(...nodes);
      send.hidden = Boolean(withoutSend);
    },
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    const name = send.textContent;
    setText(send, "Sending");
    send.setAttribute("aria-disabled", "true");
    self.tell("");
    try {
      if (await asked.submit(said(fields), self) !== false && dialog.open) dialog.close();
      else if (send.textContent === "Sending") setText(send, name);
    } catch (error) {
      setText(send, name);
      if (!(error instanceof NotSignedIn) && dialog.open) await fault(error);
    } finally {
      busy = false;
      send.removeAttribute("aria-disabled");
    }
  });

  async function fault(error) {
    const more = await asked.failed?.(error, self);
    self.tell(more ?? inWords(error, fields));
  }

  // A second click of the same hand, or a key held down, means nothing: what it would do now may be something else.
  send.addEventListener("click", (event) => { if (event.detail > 1) event.preventDefault(); });
  dialog.addEventListener("keydown", (event) => { if (event.key === "Enter" && event.repeat) event.preventDefault(); });
  dialog.addEventListener("close", () => {
    dialog.remove();
    asked.back?.()?.focus();
  });
  const first = fields.map(({ input }) => input.value);
  const who = session();
  dialog.addEventListener("putaway", () => {
    const values = fields.map(({ input }) => input.value);
    if (values.some((value, i) => value !== first[i])) keep(who, asked.title, values);
  });
  dialog.showModal();
  const typed = takeBack(asked.title, fields.length);
  if (typed) {
    fields.forEach(({ input }, i) => { input.value = typed[i]; });
    self.tell("This is what you had typed when your sign-in was over. It has not been sent.");
  }
  fields[0]?.input.focus();
  return self;
}

function inWords(error, fields) {
  if (error instanceof NoAnswer) return UNSURE;
  switch (error.status) {
    case 403: return `You may not do this: ${error.detail}.`;
    case 404: return "It is not there any more, or not in your part of the network.";
    case 422: return error.faults.length ? error.faults.map((fault) => named(fault, fields)).join("\n") : error.detail;
    case 429: case 503: return `${error.detail}.${error.retryAfterS ? ` Try again in ${error.retryAfterS} s.` : ""}`;
    default: return error.status ? error.detail : String(error.message);
  }
}

// Faults begin with the API's name of a field; people know it by its label.
function named(fault, fields) {
  const of = fields.find(({ asked }) => fault.startsWith(`${asked.name}:`));
  const told = of ? fault.replace(of.asked.name, of.asked.label) : fault;
  return told.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, moment);
}
