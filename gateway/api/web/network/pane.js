// The network by its supply.

import { element } from "../core/dom.js";

export function mount(root) {
  root.append(element("p", "empty", "Nothing is drawn yet."));
}
