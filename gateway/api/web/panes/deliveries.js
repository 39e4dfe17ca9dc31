import { element } from "../core/dom.js";

export function mount(root) {
  root.append(element("p", "empty", "Being built."));
}
