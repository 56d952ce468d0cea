// Long names may wrap after an underscore, a dot, a bracket or an equals sign, and before a capital letter.
const SHORT = 18;
document.addEventListener("DOMContentLoaded", () => {
  const names = "h1, .bd-sidebar-primary a, .bd-sidebar-secondary .pre, .bd-content .pre";
  for (const name of document.querySelectorAll(names)) {
    for (const text of [...name.childNodes]) {
      if (text.nodeType !== Node.TEXT_NODE || text.data.length <= SHORT) continue;
      const parts = text.data.split(/(?<=[a-z0-9][_.(=]+)(?=[\w"'])|(?<=[a-z])(?=[A-Z])/);
      text.replaceWith(...parts.flatMap((part, i) => (i ? [document.createElement("wbr"), part] : [part])));
    }
  }
});
