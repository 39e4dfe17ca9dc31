// Correcting interruptions, for good and on record: first what it would change, then the change.

import { NoAnswer, send } from "../core/api.js";
import { announce, element } from "../core/dom.js";
import { moment, number, plural, words } from "../core/format.js";
import { openDialog } from "./dialog.js";
import { headline } from "./say.js";

const SHOW = "Show what changes";
const NAMED = 20; // effects that are named; of more only the number is told

const state = ({ started_at: start, ended_at: end, kind, voided }) =>
  `${moment(start)} to ${end ? moment(end) : "now, still going on"}, ${words(kind)}${voided ? ", void" : ""}`;

// `members`: devices that can be suggested, as [id, text]; `step`: of the one that was chosen.
export function correct(incident, { members = [], device = "", done, back } = {}) {
  let seen = null; // what was shown, as it was asked for
  const path = `/api/incidents/${encodeURIComponent(incident.id)}/corrections`;
  const dialog = openDialog({
    title: "Correct interruptions",
    about: headline(incident),
    means: "What you say holds over what the detector found, and stays on record with your name. Tickets do not change. "
      + "Leave empty what is right.",
    wide: true,
    fields: [
      { name: "device", label: "Device (empty for all of the incident)", most: 200, value: device, suggest: members },
      { name: "step", label: "Which of its interruptions (0 is the first; empty for all)", kind: "number" },
      { name: "started_at", label: "Began", kind: "time" },
      { name: "ended_at", label: "Ended", kind: "time" },
      {
        name: "voided", label: "Does it count?", kind: "choice", as: (text) => text === "true",
        options: [["", "as it is"], ["true", "no: void, it was none"], ["false", "yes: it was one after all"]],
      },
      { name: "kind", label: "Kind", kind: "choice", options: [["", "as it is"], ["fault", "fault"], ["planned", "planned"]] },
      { name: "cause", label: "Cause", most: 2000 },
      {
        name: "as_detected", label: "Earlier corrections", kind: "choice", as: () => true,
        options: [["", "stay"], ["true", "take back: as it was detected"]],
      },
      { name: "reason", label: "Reason", kind: "long", most: 2000, needed: true },
    ],
    label: SHOW,
    back,
    async submit(said, self) {
      const asked = JSON.stringify(said);
      if (seen !== asked) {
        const { body } = await send("POST", `${path}?dry_run=true`, said);
        seen = asked;
        effects(self.shown, body.correction);
        self.label("Correct for good");
        announce(`This would change ${plural(body.correction.changed, "interruption", "interruptions")}.`);
        self.shown.scrollIntoView({ block: "nearest" });
        return false;
      }
      const { body } = await send("POST", path, said);
      const { number: no, changed } = body.correction;
      announce(`Correction no. ${no}: ${plural(changed, "interruption", "interruptions")} changed.`);
      done?.();
      return true;
    },
    failed(error, self) {
      if (!(error instanceof NoAnswer)) return null;
      done?.(); // the trail tells whether it was made
      forget(self);
      return "The gateway does not answer. It may have been corrected or not: look at the corrections of the incident before you "
        + "send it again.";
    },
  });

  // What was shown holds for what was filled in then, and for nothing else.
  function forget(self) {
    seen = null;
    self.shown.replaceChildren();
    self.label(SHOW);
  }
  dialog.fields.forEach(({ input }) => input.addEventListener("input", () => { if (seen !== null) forget(dialog); }));
}

function effects(box, { changed, effects: found }) {
  const list = element("ul", "effects");
  for (const { device, step, before, after } of found.slice(0, NAMED)) {
    const line = element("li");
    line.append(element("b", "", step ? `${device}, interruption ${step}` : device));
    line.append(element("span", "was", `was ${state(before)}`), element("span", "becomes", `becomes ${state(after)}`));
    list.append(line);
  }
  const title = changed
    ? `This would change ${plural(changed, "interruption", "interruptions")}:`
    : "This would change nothing: it is so already.";
  box.replaceChildren(element("h3", "", title), list);
  if (changed > NAMED) box.append(element("p", "note", `and ${number(changed - NAMED)} more`));
}

// One correction that was made, in a line.
export function correctionWords(made) {
  const what = [
    made.started_at && `began ${moment(made.started_at)}`, made.ended_at && `ended ${moment(made.ended_at)}`,
    made.voided === true && "void", made.voided === false && "counts after all", made.kind && `kind ${made.kind}`,
    made.cause && `cause: ${made.cause}`, made.as_detected && "as it was detected",
  ].filter(Boolean).join(", ");
  const of = made.device ? `${made.device}${made.step === null ? "" : `, interruption ${made.step}`}` : "all of it";
  return `${of}: ${what} (${plural(made.changed, "interruption", "interruptions")} changed). ${made.reason}`;
}
