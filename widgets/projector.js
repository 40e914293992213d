// The keys of the projector's view: they act on the strip that is in sight, and on hidden links.
const REMOTE = { PageDown: "next", n: "next", PageUp: "previous", p: "previous" };

// Of the players on the page, the one whose strip is nearest to the middle of the screen.
function player() {
  const middle = window.innerHeight / 2;
  const away = ({ root }) => {
    const { top, bottom } = root.getBoundingClientRect();
    return Math.abs((top + bottom) / 2 - middle);
  };
  const there = [...(window.explorerPlayers ?? [])].filter(({ root }) => root.isConnected);
  return there.sort((a, b) => away(a) - away(b))[0];
}

export default function ({ setTriggerValue }) {
  const press = (event) => {
    const { key, ctrlKey, metaKey, altKey } = event;
    const typed = ["INPUT", "TEXTAREA", "SELECT"].includes(event.composedPath()[0]?.tagName);
    if (ctrlKey || metaKey || altKey || (typed && key !== "Escape")) return;
    const acts = {
      " ": () => player()?.toggle(),
      ArrowRight: () => player()?.step(1),
      ArrowLeft: () => player()?.step(-1),
      s: () => document.querySelector(".st-key-start button")?.click(),
      Escape: () => setTriggerValue("leave", true),
    };
    const way = REMOTE[key];
    const act = way ? () => document.querySelector(`.st-key-page-${way} a`)?.click() : acts[key];
    if (!act) return;
    event.preventDefault();
    act();
  };
  // Before anything else hears it: the menu that led here is still open, and would take Escape.
  document.addEventListener("keydown", press, true);
  return () => document.removeEventListener("keydown", press, true);
}
