// Lets the browser translate a page: target tokens and what models wrote stay as they are, and React,
// which draws the page, goes on where a translation has put elements of its own around its texts.
const AS_THEY_ARE = ["stText", "stCode", "stPlotlyChart", "stDataFrame", "stTable"];
const FOUND = AS_THEY_ARE.map((name) => `[data-testid="${name}"]:not([translate])`).join();

function leaveAlone() {
  for (const found of document.querySelectorAll(FOUND)) found.translate = false;
}

// React goes on changing a text that was replaced, and nobody would see it: the text comes back, saying
// what its translation says.
function bringBack({ addedNodes: [font], removedNodes: [text] }) {
  if (!(text instanceof Text) || text.isConnected || font?.nodeName !== "FONT") return;
  let inmost = font;
  while (inmost.firstElementChild) inmost = inmost.firstElementChild;
  text.data = font.textContent;
  inmost.replaceChildren(text);
}

function under(parent, node) {
  while (node && node.parentNode !== parent) node = node.parentNode;
  return node;
}

// Where React removes a text, or puts something before it, all that was put around it is meant.
function takeAsMeant() {
  const { removeChild, insertBefore } = Node.prototype;
  Node.prototype.removeChild = function (child) {
    return removeChild.call(this, under(this, child) ?? child);
  };
  Node.prototype.insertBefore = function (child, before) {
    return insertBefore.call(this, child, before && (under(this, before) ?? before));
  };
}

export default function () {
  leaveAlone();
  if (document.canBeTranslated) return;
  document.canBeTranslated = true;
  takeAsMeant();
  new MutationObserver((seen) => {
    seen.forEach(bringBack);
    leaveAlone();
  }).observe(document.body, { childList: true, subtree: true });
}
