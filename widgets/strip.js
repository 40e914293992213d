const kept = new WeakMap();
const FRAME_MS = 60;
const LONG = 320; // tokens beyond which the strip scrolls, so that what is below it stays in reach
const LONG_PREVIEW = 60; // in a narrow column, above Start

const visible = (text) =>
  text.replace(/ /g, "\u00b7").replace(/\n/g, "\u21b5").replace(/\t/g, "\u21e5") || "\u2205";
const shown = (text) => text.replace(/\n/g, "\u21b5").replace(/\t/g, "\u21e5");

function element(tag, className, parent) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  parent.appendChild(made);
  return made;
}

function build(root, data) {
  root.replaceChildren();
  root.translate = false;
  root.onkeydown = walk;
  const state = { data, at: 0, timer: null, boxes: [], shape: shapeOf(data) };
  const rows = data.labels ? data.labels.length : 1;
  const preview = data.mode === "preview";
  const long = rows * data.groups.length > (preview ? LONG_PREVIEW : LONG);
  const lines = element("div", long ? `long ${preview ? "narrow" : ""}` : "", root);
  for (let r = 0; r < rows; r++) {
    const line = element("div", "line", lines);
    if (rows > 1) element("span", "label", line).textContent = data.labels[r];
    const list = element("div", "tokens", line);
    list.setAttribute("role", "list");
    list.setAttribute("dir", "auto");
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
  return state;
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
}

function addPlayer(root, state) {
  const bar = element("div", "player", root);
  const button = element("button", "play", bar);
  const slider = element("input", "time", bar);
  const step = element("span", "step", bar);
  Object.assign(slider, { type: "range", min: 0, max: state.data.steps.length - 1, step: 1 });
  slider.setAttribute("aria-label", state.data.slider ?? "Step of the recorded run");
  state.player = { button, slider, step };
  const stop = () => {
    clearInterval(state.timer);
    state.timer = null;
    button.textContent = "\u25b6";
    const walk = state.data.play ?? (state.data.captions ? "Walk along the path" : "Play from noise to text");
    button.setAttribute("aria-label", walk);
  };
  const play = () => {
    if (state.at >= state.data.steps.length - 1) state.at = 0;
    button.textContent = "\u275a\u275a";
    button.setAttribute("aria-label", "Pause");
    state.timer = setInterval(() => {
      if (!root.isConnected || state.at >= state.data.steps.length - 1) return stop();
      state.at += 1;
      paint(state);
    }, FRAME_MS);
  };
  button.onclick = () => (state.timer ? stop() : play());
  slider.oninput = () => {
    stop();
    state.at = Number(slider.value);
    paint(state);
  };
  stop();
  state.play = play;
  state.stop = stop;
}

function paint(state) {
  const { data, at } = state;
  if (data.mode === "preview") return paintPreview(state);
  if (!data.predicted.length) return;
  const frame = Math.min(at, data.predicted.length - 1);
  state.boxes.forEach((line, r) =>
    line.forEach((box, g) => paintBox(box, data, frame, r, data.groups[g])),
  );
  if (state.player) {
    state.player.slider.value = frame;
    const caption = data.captions ? data.captions[frame] : `step ${data.steps[frame]}${data.whose ?? ""}`;
    state.player.step.textContent = caption;
    state.player.slider.setAttribute("aria-valuetext", caption);
  }
}

function paintBox(box, data, frame, r, [start, stop, text]) {
  let right = true;
  let p = 100;
  const said = [];
  const lines = [];
  for (let i = start; i < stop; i++) {
    const id = data.predicted[frame][r][i];
    const ok = id === data.targets[i];
    right = right && ok;
    p = Math.min(p, data.p[frame][r][i]);
    said.push(data.pieces[id] ?? "\ufffd");
    lines.push(
      `position ${i + 1}: target \u201c${visible(data.pieces[data.targets[i]] ?? text)}\u201d, ` +
        `says \u201c${visible(data.pieces[id] ?? "\ufffd")}\u201d, ` +
        `p(target) ${(data.p[frame][r][i] / 100).toFixed(2)}, rank ${data.rank[frame][r][i]}`,
    );
  }
  const words = right && text ? text : said.join("");
  box.className = `token ${right ? "right" : "wrong"}`;
  box.style.setProperty("--strength", `${10 + Math.round(p * 0.5)}%`);
  set(box.children[0], shown(words));
  set(box.children[1], lines.join("\n"));
  box.setAttribute("aria-label", `${right ? "right" : "wrong"}, ${lines.join("; ")}`);
}

function paintPreview(state) {
  const { data, boxes } = state;
  data.groups.forEach(([start, stop, text], g) => {
    const box = boxes[0][g];
    const words = text || data.pieces[data.targets[start]] || "";
    const chosen = stop <= data.length;
    const altered = data.altered?.includes(g);
    box.className = `token ${chosen ? "chosen" : "left-out"} ${altered ? "altered" : ""}`;
    set(box.children[0], shown(words));
    const ids = data.targets.slice(start, stop).join(", ");
    const where = stop - start > 1 ? `tokens ${start + 1}\u2013${stop}` : `token ${start + 1}`;
    const typed = altered ? ", not as you typed it" : "";
    const tip = `${where}: \u201c${visible(words)}\u201d, id ${ids}${typed}`;
    set(box.children[1], tip);
    box.setAttribute("aria-label", tip + (chosen ? "" : ", not part of the target"));
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
      state.at = data.start ?? data.steps.length - 1;
      const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
      if (data.autoplay && state.play && !still) state.play();
    }
  }
  const newer = data.mode !== "play" || !state.timer;
  state.data = data;
  if (newer) paint(state);
}
