// Tickets, plainly.

import { element, keyed, setText } from "../core/dom.js";
import { words } from "../core/format.js";
import { href } from "../core/router.js";
import { on, tickets } from "../core/store.js";

export function mount(root) {
  const list = element("ul");
  root.append(list);
  on("tickets", () => keyed(list, [...(tickets()?.values() ?? [])], (t) => t.id, (t) => {
    const link = element("a");
    link.href = href("ticket", t.id);
    const line = element("li");
    line.append(link);
    return line;
  }, (line, t) => setText(line.firstChild, `No. ${t.number}: ${t.title}, ${words(t.state)}`)));
}
