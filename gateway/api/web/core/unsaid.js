// What somebody was typing into a question when the sign-in was over: for the same one to go on with, and for nobody else.

let kept = null; // { who, title, values }

const nameOf = (who) => (who ? `${who.name} ${who.role} ${who.below}` : "");

export function keep(who, title, values) {
  kept = { who: nameOf(who), title, values };
}

export function keepOnlyFor(who) {
  if (kept?.who !== nameOf(who)) kept = null;
}

export function forget() {
  kept = null;
}

// What the question of that title was left with, once; null without such.
export function takeBack(title, count) {
  if (kept?.title !== title || kept.values.length !== count) return null;
  const { values } = kept;
  forget();
  return values;
}

// Open questions are taken away with what they show, and keep what was typed. Gives whether that was anything.
export function putAway() {
  const open = [...document.querySelectorAll("dialog[open]")];
  for (const dialog of open) dialog.dispatchEvent(new Event("putaway"));
  for (const dialog of open) {
    dialog.close();
    dialog.remove();
  }
  return open.length > 0 && kept !== null;
}
