// One incident.

import { element } from "../core/dom.js";

export function show(root, id) {
  root.append(element("h2", "", id));
  return () => {};
}
