// Puts the page together: which pane stands where, which view is shown, and where the keyboard goes with it.

import * as incident from "./cases/incident.js";
import * as incidents from "./cases/list.js";
import * as ticket from "./cases/ticket.js";
import * as tickets from "./cases/tickets.js";
import { byId, setClass, setText } from "./core/dom.js";
import * as live from "./core/live.js";
import { go, isDetail, listOf, onRoute, route } from "./core/router.js";
import { setUpSignIn } from "./core/signin.js";
import * as store from "./core/store.js";
import { setUpTheme } from "./core/theme.js";
import * as node from "./network/node.js";
import * as network from "./network/pane.js";
import * as deliveries from "./panes/deliveries.js";
import * as device from "./panes/device.js";
import * as devices from "./panes/devices.js";
import * as figures from "./panes/figures.js";
import * as gateway from "./panes/gateway.js";

const PANES = { network, incidents, tickets, devices, deliveries, gateway };
const DETAILS = { incident, ticket, node, device };

let shown = { list: "", view: "", id: null };
let leave = () => {};
let from = null; // what had the keyboard when the detail was opened

const views = () => [...document.querySelectorAll(".view")];

function openTab(name) {
  for (const tab of ["incidents", "network"]) {
    byId(`tab-${tab}`).setAttribute("aria-pressed", String(tab === name));
    byId(tab).classList.toggle("behind", tab !== name);
  }
}

function follow() {
  if (!store.session()) return; // the address is kept until one has signed in
  const { view, id } = route();
  const list = isDetail(view) && ["now", listOf(view)].includes(shown.list) ? shown.list : listOf(view);
  const first = shown.list === "";
  const turned = list !== shown.list;
  for (const node of views()) node.hidden = node.dataset.view !== list;
  document.querySelectorAll("nav [data-view]").forEach((link) => {
    if (link.dataset.view === list) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  });
  document.body.dataset.view = list;
  const same = shown.view === view && shown.id === id;
  if (!same) detail(view, id);
  const opened = !same && isDetail(view);
  const closed = !same && !opened && isDetail(shown.view);
  shown = { list, view, id };
  if (opened) byId("detail").focus();
  else if (closed && !turned && from?.isConnected) from.focus();
  else if ((turned || closed) && !first) heading(list).focus();
}

const heading = (list) => byId(list === "now" ? "incidents-title" : `${list}-title`);

function detail(view, id) {
  if (isDetail(view) && !isDetail(shown.view)) from = document.activeElement;
  leave();
  leave = () => {};
  const root = byId("detail-root");
  root.replaceChildren();
  byId("detail").hidden = !isDetail(view);
  document.body.classList.toggle("detailed", isDetail(view));
  if (isDetail(view)) leave = DETAILS[view].show(root, id) ?? (() => {});
}

function showFreshness() {
  const { state, text } = live.freshness();
  setText(byId("freshness-text"), text);
  setClass(byId("freshness"), `freshness ${state}`);
  document.body.classList.toggle("not-current", state !== "live");
  const trouble = byId("trouble");
  setText(trouble, live.trouble());
  trouble.hidden = live.trouble() === "";
  for (const id of ["trouble", "sentence", "basis", "who"]) reachable(byId(id));
}

// What is longer than its place is scrolled by the keyboard, too.
function reachable(node) {
  if (node.scrollHeight > node.clientHeight + 1) node.tabIndex = 0;
  else node.removeAttribute("tabindex");
}

function onSession() {
  if (store.session()) {
    follow();
    return;
  }
  detail("", null); // what one may not see any more is not kept behind the form either
  shown = { list: "", view: "", id: null };
}

const closeDetail = () => go(shown.list, null);

figures.mount(byId("figures"));
for (const [name, pane] of Object.entries(PANES)) pane.mount(byId(name).querySelector(".mount"));
setUpTheme();
byId("tab-incidents").addEventListener("click", () => openTab("incidents"));
byId("tab-network").addEventListener("click", () => openTab("network"));
openTab("incidents");
byId("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address says where one is
  byId("main").focus();
});
byId("detail-close").addEventListener("click", closeDetail);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && isDetail(shown.view) && !document.querySelector("dialog[open]")) closeDetail();
});
onRoute(follow);
store.on("session", onSession);
store.on("freshness", showFreshness);
live.setUp();
setUpSignIn();
