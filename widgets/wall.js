// The class page: everybody's texts as tiles that fill in live, and one of them enlarged.
const walls = new WeakMap();
const sorts = () => ({ start: tr("Start time"), progress: tr("Progress"), end: tr("End time") });
const SMALLEST = 14; // pixels of the words; if more do not fit, the page scrolls
const LARGEST = 44;
const MOST_COLUMNS = 6;
const SHORTEST = 320; // pixels that the wall takes of the screen at the least

function buildWall(root) {
  root.replaceChildren();
  const view = { root, tiles: new Map(), order: "", sort: "start", fitted: "" };
  const bar = element("div", "bar-top", root);
  view.count = element("h1", "count", bar);
  const tools = element("div", "tools", bar);
  const group = element("div", "sorts", tools);
  group.setAttribute("role", "radiogroup");
  group.setAttribute("aria-label", tr("Sort by"));
  view.sorts = Object.entries(sorts()).map(([name, label]) => {
    const button = control("sort", label, group, () => {
      view.sort = name;
      drawWall(view);
    });
    button.setAttribute("role", "radio");
    button.dataset.sort = name;
    return button;
  });
  view.full = control("full", tr("Full screen"), tools, () =>
    document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen(),
  );
  view.full.hidden = !document.fullscreenEnabled;
  view.meter = element("div", "meter", root);
  view.meter.setAttribute("role", "progressbar");
  view.meter.setAttribute("aria-label", tr("Exact texts"));
  view.filled = element("div", "filled", view.meter);
  view.note = element("div", "note", root);
  view.empty = element("div", "empty", root);
  view.grid = element("div", "grid", root);
  view.dialog = element("dialog", "large", root);
  view.dialog.addEventListener("close", () => leaveLarge(view));
  view.dialog.onclick = (event) => event.target === view.dialog && view.dialog.close();
  view.observer = new ResizeObserver(() => fit(view));
  view.observer.observe(root);
  view.resized = () => fit(view, true);
  window.addEventListener("resize", view.resized);
  root.onfullscreenchange = () => {
    set(view.full, document.fullscreenElement ? tr("Leave full screen") : tr("Full screen"));
    fit(view, true);
  };
  return view;
}

function control(className, label, parent, act) {
  const button = element("button", className, parent);
  button.type = "button";
  button.textContent = label;
  button.onclick = act;
  return button;
}

const progress = (tile) => (tile.exact ? 2 : (tile.right ?? -1) / (tile.total ?? 1));
const ORDERS = {
  start: ([, a], [, b]) => a.created - b.created,
  progress: ([, a], [, b]) => progress(b) - progress(a) || a.created - b.created,
  end: ([, a], [, b]) =>
    (a.finished ?? Infinity) - (b.finished ?? Infinity) || progress(b) - progress(a) || a.created - b.created,
};

function drawWall(view) {
  const { seen, connection } = view;
  const told = Boolean(seen?.status);
  const all = Object.entries(seen?.tiles ?? {}).sort(ORDERS[view.sort]);
  const exact = all.filter(([, tile]) => tile.exact).length;
  drawCount(view, exact, all.length);
  for (const button of view.sorts) button.setAttribute("aria-checked", String(button.dataset.sort === view.sort));
  set(view.note, ofConnection(connection) ?? "");
  view.empty.hidden = !told || all.length > 0;
  view.root.classList.toggle("nobody", all.length === 0);
  if (!view.empty.hidden && !view.empty.childElementCount) drawEmpty(view);
  for (const [id, { box }] of view.tiles) {
    if (seen?.tiles[id]) continue;
    box.remove();
    view.tiles.delete(id);
  }
  for (const [id, tile] of all) {
    if (!view.tiles.has(id)) view.tiles.set(id, addTile(view, id));
    paintTile(view, view.tiles.get(id), tile);
  }
  arrange(view, all.map(([id]) => id));
  fit(view);
}

function drawCount(view, exact, total) {
  set(view.count, total ? tr("{exact} of {total} exact", { exact, total }) : tr("Class"));
  view.count.classList.toggle("all", total > 0 && exact === total);
  const part = total ? Math.round((100 * exact) / total) : 0;
  view.filled.style.width = `${part}%`;
  view.meter.setAttribute("aria-valuenow", part);
  view.meter.setAttribute("aria-valuetext", total ? view.count.textContent : tr("none yet"));
}

function drawEmpty(view) {
  const { join } = view.data;
  const said = element("div", "invite", view.empty);
  element("div", "first", said).textContent = tr("Nobody has started yet.");
  const next = element("div", "next", said);
  const sentence = tr("Open {page}, type a sentence and press Start: it appears here and fills in while it trains.");
  const [before, after] = sentence.split("{page}");
  next.append(before, link(tr("Reconstruct")), after);
  if (!join) return;
  const address = element("div", "address", said);
  address.textContent = join.address;
  address.translate = false;
  const code = element("img", "code", view.empty);
  code.src = join.qr;
  code.alt = tr("QR code of {address}", { address: join.address });
}

function link(label) {
  const made = document.createElement("a");
  made.href = new URL(".", document.baseURI).href; // the first page, below any base path
  made.textContent = label;
  return made;
}

function addTile(view, id) {
  const box = element("button", "tile", view.grid);
  box.type = "button";
  box.onclick = () => enlarge(view, id);
  const head = element("span", "head", box);
  const who = element("span", "who", head);
  who.dir = "auto";
  const score = element("span", "score", head);
  const words = element("span", "words", box);
  words.translate = false;
  words.dir = "auto";
  const rest = element("span", "rest", box);
  const gained = element("span", "gained", rest);
  return { box, who, score, words, gained, shape: "" };
}

// Whose a tile is; on a server of one person, when it was started.
const called = (tile) =>
  tile.who || new Date(1000 * tile.created).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
const bare = (text) => shown(text).trim() || "\u00a0";

function paintTile(view, at, tile) {
  const mine = tile.by !== null && tile.by === view.data.me;
  const state = tile.exact ? "exact" : tile.over ? "ended" : tile.words ? "training" : "waiting";
  at.box.className = `tile ${state} ${mine ? "mine" : ""}`;
  set(at.who, mine ? tr("{name} (you)", { name: called(tile) }) : called(tile));
  const steps = tile.exact && tr("exact, {steps} steps", { steps: tile.steps });
  const score = tile.exact ? `\u2713 ${steps}` : tile.words ? `${tile.right} / ${tile.total}` : ofState(tile.state);
  set(at.score, score);
  at.box.setAttribute("aria-label", tr("{name}: {score}. Enlarge", { name: called(tile), score: tile.exact ? steps : score }));
  at.gained.style.width = tile.words ? `${(100 * tile.right) / tile.total}%` : "0";
  if (!tile.words) {
    at.shape = "";
    set(at.words, tile.text);
    return;
  }
  const shape = JSON.stringify(tile.words.map(([target]) => target));
  if (shape !== at.shape) {
    at.shape = shape;
    at.words.replaceChildren();
    for (const [target] of tile.words) {
      const word = element("span", "word", at.words);
      element("span", "ghost", word).textContent = bare(target); // its width, whatever stands there
      element("span", "said", word);
      word.firstChild.setAttribute("aria-hidden", "true");
    }
  }
  tile.words.forEach(([, said, right], n) => {
    const word = at.words.children[n];
    const name = `word ${right ? "correct" : "false"}`;
    if (word.className !== name) word.className = name;
    set(word.lastChild, bare(said));
  });
}

// Puts tiles into their order; they move there, so that an eye can follow one.
function arrange(view, ids) {
  const order = ids.join();
  if (order === view.order) return;
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const before = new Map(ids.map((id) => [id, view.tiles.get(id).box.getBoundingClientRect()]));
  const known = view.order.split(",");
  view.order = order;
  view.grid.append(...ids.map((id) => view.tiles.get(id).box));
  if (calm) return;
  for (const id of ids.filter((id) => known.includes(id))) {
    const { box } = view.tiles.get(id);
    const [from, to] = [before.get(id), box.getBoundingClientRect()];
    const [x, y] = [from.left - to.left, from.top - to.top];
    if (x || y) box.animate([{ transform: `translate(${x}px, ${y}px)` }, { transform: "none" }], { duration: 500, easing: "ease-in-out" });
  }
}

// Chooses columns and the size of the words so that all tiles are on the screen, as large as they
// can be. Only targets count, whose widths the words keep: nothing jumps while they change.
function fit(view, anew = false) {
  const { grid, root, tiles } = view;
  if (!tiles.size || !root.isConnected) return;
  const full = document.fullscreenElement !== null;
  const top = Math.min(400, Math.max(0, grid.getBoundingClientRect().top));
  const height = Math.max(SHORTEST, window.innerHeight - (full ? grid.offsetTop : top) - 20);
  const shape = [...tiles.values()].map((at) => at.shape || at.words.textContent).join();
  const asked = `${root.clientWidth} ${anew ? height : view.height} ${shape}`;
  if (!anew && asked === view.fitted) return;
  view.height = height;
  view.fitted = `${root.clientWidth} ${height} ${shape}`;
  const most = Math.min(MOST_COLUMNS, tiles.size, Math.max(1, Math.floor(root.clientWidth / 220)));
  const lay = (columns, size) => {
    grid.style.setProperty("--columns", columns);
    grid.style.setProperty("--size", `${size}px`);
    return grid.offsetHeight <= height && grid.scrollWidth <= grid.clientWidth + 1;
  };
  let best = [Math.max(1, Math.min(most, Math.floor(root.clientWidth / 300))), SMALLEST];
  for (let columns = 1; columns <= most; columns++) {
    if (!lay(columns, best[1])) continue;
    let [low, high] = [best[1], LARGEST];
    while (high - low >= 1) {
      const middle = Math.ceil((low + high) / 2);
      if (lay(columns, middle)) low = middle;
      else high = middle - 1;
    }
    best = [columns, low];
  }
  lay(...best);
}

function enlarge(view, id) {
  leaveLarge(view);
  const { dialog, data } = view;
  const tile = view.seen.tiles[id];
  const head = element("div", "large-head", dialog);
  const who = element("div", "large-who", head);
  who.textContent = called(tile);
  who.dir = "auto";
  if (data.host) {
    control("plain", tr("Take off the wall"), head, () => {
      dialog.close();
      view.component.setTriggerValue("hide", id);
    });
  }
  control("plain", tr("Close"), head, () => dialog.close());
  const root = element("div", "live", dialog);
  root.translate = false;
  dialog.showModal();
  const large = buildLive(root, { job: id, shown: "best", ...data.drawing });
  view.large = large;
  large.leave = stream.listen(id, (seen, connection) => {
    Object.assign(large, { seen, connection });
    draw(large);
  });
}

function leaveLarge(view) {
  view.large?.leave();
  clearTimeout(view.large?.later);
  view.large = null;
  view.dialog.replaceChildren();
}

export default function (component) {
  const root = component.parentElement.querySelector(".wall");
  spoken = component.data.spoken;
  let view = walls.get(root);
  if (!view) walls.set(root, (view = buildWall(root)));
  Object.assign(view, { component, data: component.data });
  view.leave ??= stream.listen("wall", (seen, connection) => {
    Object.assign(view, { seen, connection });
    drawWall(view);
  });
  const kept = stream.jobs.get("wall");
  if (kept) Object.assign(view, { seen: kept.seen, connection: stream.connection });
  drawWall(view);
  return () => {
    setTimeout(() => {
      if (root.isConnected) return;
      view.dialog.close();
      view.observer.disconnect();
      window.removeEventListener("resize", view.resized);
      view.leave?.();
      walls.delete(root);
    }, 0);
  };
}
