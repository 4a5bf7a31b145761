// Makes one tree like another by changing only what differs, so that focus, selection, what is typed and what is open stay.

export function morph(from, to) {
  // Loaded apart from the view that it stands in.
  if ("loaded" in from.dataset) return;
  attributes(from, to);
  children(from, to);
}

function attributes(from, to) {
  for (const { name, value } of to.attributes) {
    if (name !== "open" && from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  for (const { name } of [...from.attributes]) {
    // Whether a part is open is the reader's.
    if (name !== "open" && !to.hasAttribute(name)) from.removeAttribute(name);
  }
}

function children(from, to) {
  const wantedIds = new Set([...to.children].map((child) => child.id));
  // First what goes, so that what stays is not moved: what is moved loses the focus.
  for (const child of [...from.children]) {
    if (child.id && !wantedIds.has(child.id)) child.remove();
  }
  let next = from.firstChild;
  for (const wanted of to.childNodes) {
    const match = matching(from, next, wanted);
    if (!match) {
      from.insertBefore(document.importNode(wanted, true), next);
      continue;
    }
    if (match === next) next = next.nextSibling;
    else from.insertBefore(match, next);
    if (match.nodeType === Node.ELEMENT_NODE) morph(match, wanted);
    else if (match.data !== wanted.data) match.data = wanted.data;
  }
  while (next) {
    const after = next.nextSibling;
    next.remove();
    next = after;
  }
}

// The same thing as it is there: by its id, else the next one if it is of the same kind.
function matching(from, next, wanted) {
  if (wanted.id) return [...from.children].find((child) => child.id === wanted.id && child.nodeName === wanted.nodeName);
  return next && !next.id && next.nodeName === wanted.nodeName ? next : null;
}
