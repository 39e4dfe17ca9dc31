// An act was refused because things had moved on: by people, or only by the gateway itself, which in a storm writes all the time.

import { clock, number, plural, words } from "../core/format.js";
import { session } from "../core/store.js";
import { stateWords } from "./say.js";

const GATEWAY = new Set(["detector", "clock"]); // origins of steps that nobody asked for
const ENDING = new Set(["restore", "close", "cancel", "reopen", "merge", "split"]); // how many are concerned matters to them
const STEADY = { predicted: "open", confirmed: "open" }; // meters confirmed it: no reason not to go on

const steps = (before, now) => (now.transitions ?? []).filter(({ revision }) => revision > before.revision);
const same = (before, now, names) => names.every((name) => JSON.stringify(before[name]) === JSON.stringify(now[name]));

// Whether only the gateway has written since, and nothing of it matters to whoever wanted `action`: then it is sent again.
export function goesOn(what, action, before, now) {
  if (!now.possible.includes(action)) return false;
  const fewer = !ENDING.has(action) || now.customers <= before.customers;
  if (what === "incident") return fewer && same(before, now, ["state", "node", "kind", "phases", "confirmed_by", "parent", "drill", "possible"]);
  if (!onlyGateway(before, now) || !same(before, now, ["crew", "restoration_estimated_at", "kind", "node"])) return false;
  if (ENDING.has(action)) return before.state === now.state && fewer;
  return (STEADY[before.state] ?? before.state) === (STEADY[now.state] ?? now.state);
}

function onlyGateway(before, now) {
  const made = steps(before, now);
  return made.length > 0 && made.every(({ origin }) => GATEWAY.has(origin));
}

// Why it was not done, and what stands there now.
export function overtaken(what, before, now, possible) {
  return `${who(what, before, now)} Possible now: ${possible}.`;
}

function who(what, before, now) {
  const stands = `The ${what} is ${stateWords(now.state)} now`;
  if (what === "incident") return `It has changed meanwhile, look again: ${differences(before, now).join(", ") || "it was written anew"}. ${stands}.`;
  const last = now.transitions.at(-1);
  if (onlyGateway(before, now)) {
    const changed = [...differences(before, now), last.action === "warn" || last.action === "escalate" ? last.reason : ""].filter(Boolean);
    return `Nobody else has acted, but the gateway wrote on meanwhile: ${changed.join(", ") || "what it knows of it"}. ${stands}. Send it again if it still holds.`;
  }
  const told = last ? `; last: ${words(last.action)} by ${last.by} at ${clock(last.at)}` : "";
  const mine = last && last.by === session()?.name && steps(before, now).length === 1;
  return `${mine ? "It has moved on in your own name, look before you send it again." : "Somebody else was faster, look again."} ${stands}${told}.`;
}

function differences(before, now) {
  const told = [];
  if (before.state !== now.state) told.push(`${stateWords(now.state)} in place of ${stateWords(before.state)}`);
  if (before.customers !== now.customers) told.push(`${plural(now.customers, "customer", "customers")} in place of ${number(before.customers)}`);
  if (before.severity !== now.severity && now.severity !== null) told.push(`severity ${now.severity} in place of ${before.severity ?? "none"}`);
  if (before.confirmed_by !== now.confirmed_by) told.push(`confirmed by ${now.confirmed_by}`);
  return told;
}
