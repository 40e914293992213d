let spoken = {}; // the page's language: what stands there for each English sentence; empty: English
// Says a sentence in the language of the page, with values in the places that it names.
const tr = (sentence, values = {}) =>
  (spoken[sentence] ?? sentence).replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
// Writes a number, given as English writes it, as the language of the page does.
const number = (text) => text.replace(/[.,%]/g, (mark) => spoken[mark] ?? mark);

const kept = new WeakMap();
const FRAME_MS = 60;
const PLAY_MS = 9000; // what a short recording is stretched to, so that it can be read
const SLOWEST_MS = 300;
const LONG = 320; // tokens beyond which the strip scrolls, so that what is below it stays in reach
const LONG_PREVIEW = 60; // in a narrow column, above Start

const visible = (text) =>
  text.replace(/ /g, "\u00b7").replace(/\n/g, "\u21b5").replace(/\t/g, "\u21e5") || "\u2205";
const shown = (text) => text.replace(MARK, "\u25cc$&").replace(/\n/g, "\u21b5").replace(/\t/g, "\u21e5");

const ARABIC = "\\p{Script=Arabic}";
const ENDS_JOINED = new RegExp(`${ARABIC}\\p{M}*$`, "u");
const BEGINS_JOINED = new RegExp(`^${ARABIC}`, "u");
const LETTER = /\p{L}/u;
const FROM_RIGHT = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;
const MOST_MEASURED = 2000; // boxes that are painted to see how high a strip becomes
const MARK = /^\p{M}/u; // stands on a letter: by itself it is shown on a dotted circle
const JOINER = "\u200d";
const PART = "\ufffd"; // what a token shows as that holds only some bytes of a character

// Letters of one word stay joined across the boxes of its tokens, as the script is written.
const joined = (words, before, after) =>
  (before && ENDS_JOINED.test(before) && BEGINS_JOINED.test(words) ? JOINER : "") +
  words +
  (after && BEGINS_JOINED.test(after) && ENDS_JOINED.test(words) ? JOINER : "");

// What the target says, group by group, and from which side a text is read.
const wordsOfGroups = (data) => data.groups.map(([at, , text]) => text || data.pieces[data.targets[at]] || "");
const sideOf = (text) => (FROM_RIGHT.test(LETTER.exec(text)?.[0] ?? "") ? "rtl" : "ltr");

function element(tag, className, parent) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  parent.appendChild(made);
  return made;
}

function build(root, data) {
  root.replaceChildren();
  root.onkeydown = walk;
  const state = { data, at: 0, timer: null, boxes: [], shape: shapeOf(data) };
  const rows = data.labels ? data.labels.length : 1;
  const preview = data.mode === "preview";
  const long = rows * data.groups.length > (preview ? LONG_PREVIEW : LONG);
  const target = wordsOfGroups(data).join("");
  if (data.whole) {
    const whole = element("div", "target", root);
    element("span", "whose", whole).textContent = tr("Target");
    const text = element("span", "whole", whole);
    text.textContent = target;
    text.dir = sideOf(target);
    text.translate = false;
  }
  const lines = element("div", long ? `long ${preview ? "narrow" : ""}` : "", root);
  state.lines = lines;
  for (let r = 0; r < rows; r++) {
    const line = element("div", "line", lines);
    if (rows > 1) element("span", "label", line).textContent = data.labels[r];
    const list = element("div", "tokens", line);
    list.setAttribute("role", "list");
    list.dir = sideOf(target);
    list.translate = false;
    state.boxes.push(
      data.groups.map((_, g) => {
        const box = element("span", "token", list);
        box.setAttribute("role", "listitem");
        box.tabIndex = g ? -1 : 0;
        element("span", "say", box);
        element("span", "tip", box).setAttribute("aria-hidden", "true");
        return box;
      }),
    );
  }
  if (data.mode === "play" && data.steps.length > 1) addPlayer(root, state);
  if (data.whole) addLegend(root, data);
  return state;
}

function addLegend(root, data) {
  const legend = element("div", "legend", root);
  for (const [className, strength, label] of [
    ["right", "55%", tr("correct")],
    ["right", "15%", tr("correct, with a low probability")],
    ["wrong", "", tr("wrong token")],
  ]) {
    const entry = element("span", "entry", legend);
    const box = element("span", `token ${className}`, entry);
    box.style.setProperty("--strength", strength);
    box.textContent = "\u00a0\u00a0";
    box.setAttribute("aria-hidden", "true");
    element("span", "", entry).textContent = label;
  }
  if (Object.values(data.pieces).some((piece) => piece.includes(PART))) {
    element("span", "entry", legend).textContent = tr("{mark} a part of a character", { mark: PART });
  }
}

// One token of a line is reached with Tab, the others from there with the arrow keys.
const KEYS = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };
function walk(event) {
  const here = event.target.closest(".token");
  if (!here || !(event.key in KEYS)) return;
  const line = [...here.parentElement.children];
  const leftwards = getComputedStyle(here.parentElement).direction === "rtl" && event.key.startsWith("Arrow") ? -1 : 1;
  const next = line[Math.min(Math.max(line.indexOf(here) + leftwards * KEYS[event.key], 0), line.length - 1)];
  here.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
  event.preventDefault();
  event.stopPropagation();
}

function addPlayer(root, state) {
  const bar = element("div", "player", root);
  const button = element("button", "play", bar);
  const slider = element("input", "time", bar);
  const step = element("span", "step", bar);
  Object.assign(slider, { type: "range", min: 0, max: state.data.steps.length - 1, step: 1 });
  slider.setAttribute("aria-label", state.data.slider ?? tr("Step of the recorded run"));
  state.player = { button, slider, step };
  const stop = () => {
    clearInterval(state.timer);
    state.timer = null;
    button.textContent = "\u25b6";
    const usual = state.data.captions ? tr("Walk along the path") : tr("Play from noise to text");
    button.setAttribute("aria-label", state.data.play ?? usual);
  };
  const play = () => {
    if (state.at >= state.data.steps.length - 1) state.at = 0;
    button.textContent = "\u275a\u275a";
    button.setAttribute("aria-label", tr("Pause"));
    state.timer = setInterval(() => {
      if (!root.isConnected || state.at >= state.data.steps.length - 1) return stop();
      state.at += 1;
      paint(state);
    }, Math.max(FRAME_MS, Math.min(SLOWEST_MS, PLAY_MS / state.data.steps.length)));
  };
  const toggle = () => (state.timer ? stop() : play());
  const show = (at) => {
    stop();
    state.at = Math.max(0, Math.min(at, state.data.steps.length - 1));
    paint(state);
  };
  button.onclick = toggle;
  slider.oninput = () => show(Number(slider.value));
  stop();
  window.explorerPlayers ??= new Set(); // for the keys of the projector's view
  for (const old of window.explorerPlayers) if (!old.root.isConnected || old.root === root) window.explorerPlayers.delete(old);
  window.explorerPlayers.add({ root, toggle, step: (by) => show(state.at + by) });
  state.play = play;
  state.stop = stop;
}

function paint(state) {
  const { data, at } = state;
  if (data.mode === "preview") return paintPreview(state);
  if (!data.predicted.length) return;
  const frame = Math.min(at, data.predicted.length - 1);
  state.boxes.forEach((line, r) => {
    const words = data.groups.map((group) => wordsOf(data, frame, r, group));
    line.forEach((box, g) =>
      paintBox(box, data, frame, r, data.groups[g], joined(words[g], words[g - 1], words[g + 1])),
    );
  });
  keepHeight(state);
  if (state.player) {
    state.player.slider.value = frame;
    const caption = data.captions ? data.captions[frame] : tr("step {step}", { step: data.steps[frame] }) + (data.whose ?? "");
    state.player.step.textContent = caption;
    state.player.slider.setAttribute("aria-valuetext", caption);
  }
}

// Finds out how high the lines become, so that nothing below them moves while they play.
function measure(state) {
  const frames = state.data.steps.length;
  const every = Math.ceil((frames * state.data.groups.length) / MOST_MEASURED);
  for (state.at = 0; state.at < frames; state.at += every) paint(state);
}

// Lines that break elsewhere in each frame must not move what stands below them.
function keepHeight(state) {
  const { lines } = state;
  if (state.width !== lines.clientWidth) lines.style.minHeight = "";
  state.width = lines.clientWidth;
  lines.style.minHeight = `${lines.offsetHeight}px`;
}

const isRight = (data, frame, r, i) => data.predicted[frame][r][i] === data.targets[i];
const pieceOf = (data, id) => data.pieces[id] ?? PART;

// What a box says: the text of its group once all of it is correct, else what its tokens say.
function wordsOf(data, frame, r, [start, stop, text]) {
  const at = Array.from({ length: stop - start }, (_, k) => start + k);
  if (text && at.every((i) => isRight(data, frame, r, i))) return text;
  return at.map((i) => pieceOf(data, data.predicted[frame][r][i])).join("");
}

function paintBox(box, data, frame, r, [start, stop, text], words) {
  let right = true;
  let p = 100;
  const lines = [];
  for (let i = start; i < stop; i++) {
    const said = pieceOf(data, data.predicted[frame][r][i]);
    right = right && isRight(data, frame, r, i);
    if (data.p) p = Math.min(p, data.p[frame][r][i]); // null: only right or wrong is known
    const note = said.includes(PART) ? tr("{mark}: a part of a character, no letter by itself", { mark: PART }) : "";
    const here = {
      position: i + 1,
      target: visible(data.pieces[data.targets[i]] ?? text),
      output: visible(said),
      note: note && ` (${note})`,
    };
    lines.push(
      data.p
        ? tr("position {position}: target “{target}”, output “{output}”{note}, p(target) {p}, rank {rank}", {
            ...here,
            p: number((data.p[frame][r][i] / 100).toFixed(2)),
            rank: data.rank[frame][r][i],
          })
        : tr("position {position}: target “{target}”, output “{output}”{note}", here),
    );
  }
  box.className = `token ${right ? "right" : "wrong"}`;
  box.style.setProperty("--strength", `${10 + Math.round(p * 0.5)}%`);
  set(box.children[0], shown(words));
  set(box.children[1], lines.join("\n"));
  const verdict = right ? tr("correct") : tr("not correct");
  box.setAttribute("aria-label", `${verdict}, ${lines.join("; ")}`);
}

function paintPreview(state) {
  const { data, boxes } = state;
  const said = wordsOfGroups(data);
  data.groups.forEach(([start, stop], g) => {
    const box = boxes[0][g];
    const words = said[g];
    const chosen = stop <= data.length;
    const altered = data.altered?.includes(g);
    box.className = `token ${chosen ? "chosen" : "left-out"} ${altered ? "altered" : ""}`;
    set(box.children[0], shown(joined(words, said[g - 1], said[g + 1])));
    const ids = data.targets.slice(start, stop).join(", ");
    const several = { first: start + 1, last: stop };
    const where = stop - start > 1 ? tr("tokens {first}–{last}", several) : tr("token {first}", several);
    const typed = altered ? tr(", not as you typed it") : "";
    const tip = tr("{where}: “{words}”, id {ids}", { where, words: visible(words), ids }) + typed;
    set(box.children[1], tip);
    box.setAttribute("aria-label", tip + (chosen ? "" : tr(", not part of the target")));
  });
}

function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function shapeOf(data) {
  return JSON.stringify([data.mode, data.labels, data.groups, data.targets, data.run]);
}

// Shows data in an element: builds it anew if its shape has changed, else paints what is new.
function showStrip(root, data) {
  let state = kept.get(root);
  if (!state || state.shape !== shapeOf(data)) {
    if (state && state.timer) clearInterval(state.timer);
    state = build(root, data);
    kept.set(root, state);
    if (data.mode === "play") {
      measure(state);
      state.at = data.start ?? data.steps.length - 1;
      const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
      if (data.autoplay && state.play && !still) state.play();
    }
  }
  state.data = data;
  paint(state);
}
