// Open incidents, plainly.

import { element, keyed, setText } from "../core/dom.js";
import { words } from "../core/format.js";
import { href } from "../core/router.js";
import { incidents, on } from "../core/store.js";

export function mount(root) {
  const list = element("ul");
  root.append(list);
  on("incidents", () => keyed(list, [...(incidents()?.values() ?? [])], (i) => i.id, (i) => {
    const link = element("a");
    link.href = href("incident", i.id);
    const line = element("li");
    line.append(link);
    return line;
  }, (line, i) => setText(line.firstChild, `${words(i.kind)} at ${i.node_name ?? i.node}: ${i.summary}`)));
}
