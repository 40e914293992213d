// A job under way: what it is doing, and of a run in training the tokens, numbers and curves.
const mounted = new WeakMap();
const DRAW_MS = 1000; // charts, at most this often; tokens and numbers with every frame
const RESULTS_MS = 3000; // new results of a job make the page run again at most this often
const DONE = 2; // the phase of a restart that has ended

// What is said of the connection, and what a job's state is called.
const ofConnection = (name) =>
  ({
    lost: tr("The connection is lost; trying again."),
    held: tr("Updates come every two seconds: something between this page and the server holds them back."),
  })[name];
const ofState = (name) =>
  ({
    queued: tr("queued"),
    running: tr("running"),
    pausing: tr("pausing"),
    paused: tr("paused"),
    stopping: tr("stopping"),
    stopped: tr("stopped"),
    done: tr("done"),
    failed: tr("failed"),
    gone: tr("gone"),
  })[name] ?? name;

function buildLive(root, data) {
  root.replaceChildren();
  const top = element("div", "top", root);
  const view = { root, data, drawn: 0, asked: null, charts: null };
  view.state = element("span", "state", top);
  view.sentence = element("span", "sentence", top);
  view.bar = element("div", "bar", root);
  view.bar.setAttribute("role", "progressbar");
  view.bar.setAttribute("aria-label", tr("Progress"));
  view.bar.setAttribute("aria-valuemin", "0");
  view.bar.setAttribute("aria-valuemax", "100");
  view.fill = element("div", "fill", view.bar);
  view.note = element("div", "note", root);
  view.note.setAttribute("role", "status");
  view.text = element("div", "text", root);
  view.text.translate = false;
  view.strip = element("div", "strip", root);
  view.strip.setAttribute("role", "group");
  view.strip.setAttribute("aria-label", tr("Tokens"));
  view.numbers = element("dl", "numbers", root);
  view.grid = element("div", "charts", root);
  if (data.parts.includes("charts")) {
    new ResizeObserver(() => draw(view, true)).observe(view.grid);
  }
  return view;
}

function draw(view, charts = false) {
  const { data, seen } = view;
  if (!seen) return;
  const status = seen.status ?? { state: "", sentence: "", fraction: 0 };
  const said = (name) => status.elsewhere?.[name]?.[data.language] ?? status[name] ?? "";
  set(view.state, ofState(status.state));
  view.state.className = `state ${status.state === "running" ? "running" : ""}`;
  set(view.sentence, said("sentence"));
  const percent = Math.round(100 * status.fraction);
  view.fill.style.width = `${percent}%`;
  view.bar.setAttribute("aria-valuenow", percent);
  view.bar.setAttribute("aria-valuetext", `${number(`${percent}%`)}, ${said("sentence")}`);
  set(view.note, ofConnection(view.connection) ?? said("note"));
  set(view.text, status.text ?? "");
  if (!seen.head || !seen.frames.length) return;
  if (data.parts.includes("strip")) showStrip(view.strip, stripOf(seen, data.shown));
  if (data.parts.includes("numbers")) drawNumbers(view, seen);
  if (!data.parts.includes("charts")) return;
  clearTimeout(view.later);
  const wait = view.drawn + DRAW_MS - Date.now();
  if (charts || wait <= 0) drawCharts(view, seen);
  else view.later = setTimeout(() => drawCharts(view, view.seen), wait);
}

// The restarts that a person wants to see: the best, one, or all.
function shownOf(seen, shown) {
  if (shown === "all") return seen.head.seeds.map((_, k) => k);
  const k = seen.head.seeds.indexOf(shown);
  return [k < 0 ? seen.best : k];
}

function stripOf(seen, shown) {
  const { seeds, targets, groups } = seen.head;
  const N = targets.length;
  const which = shownOf(seen, shown);
  const of = (values) => which.map((k) => values.subarray(k * N, (k + 1) * N));
  return {
    mode: "live", whole: true, groups, targets, pieces: seen.pieces, steps: [],
    labels: which.map((k) => tr("seed {seed}", { seed: seeds[k] })),
    predicted: [of(seen.ids)], p: [of(seen.frames.at(-1).p)], rank: [of(seen.ranks)],
  };
}

function correct(seen, k) {
  const { targets } = seen.head;
  return targets.map((id, n) => seen.ids[k * targets.length + n] === id);
}

function duration(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return number(`${seconds.toFixed(1)} s`);
  const whole = Math.round(seconds / 60 / 60 >= 1 ? seconds / 60 : seconds);
  const [large, small] = [Math.floor(whole / 60), String(whole % 60).padStart(2, "0")];
  return `${large}:${small} ${seconds / 60 / 60 >= 1 ? "h" : "min"}`;
}

function drawNumbers(view, seen) {
  const frame = seen.frames.at(-1);
  const { best } = seen;
  const { seeds, targets } = seen.head;
  const { h_lm: surprise } = seen.status ?? {};
  const right = correct(seen, best).filter(Boolean).length;
  const done = frame.phase.filter((phase) => phase === DONE).length;
  const numbers = [
    [tr("Correct tokens, best restart"), `${right} / ${targets.length}`],
    [tr("Finished restarts"), `${done} / ${seeds.length}`],
    ...(surprise ? [["H_LM", number(surprise), view.data.help.h_lm]] : []),
    [tr("Steps, best restart"), number(frame.steps[best].toLocaleString("en")), view.data.help.steps],
    [tr("Elapsed"), duration(frame.seconds)],
    [tr("Steps per second"), frame.seconds > 0 ? number((frame.step / frame.seconds).toFixed(1)) : "\u2013", view.data.help.pace],
  ];
  while (view.numbers.childElementCount > numbers.length) view.numbers.lastChild.remove();
  numbers.forEach(([label, value, help], i) => {
    const box = view.numbers.children[i] ?? element("div", "number", view.numbers);
    if (!box.childElementCount) {
      element("dt", "", box);
      element("dd", "", box);
    }
    set(box.children[0], label);
    set(box.children[1], value);
    box.title = help ?? "";
  });
}

function drawCharts(view, seen) {
  if (!seen?.head || !seen.frames.length || !view.root.isConnected) return;
  view.drawn = Date.now();
  const { seeds, targets, pieces } = seen.head;
  const { restarts, dashes, scale, right } = view.data.palette;
  const { look } = view.data;
  const k = shownOf(seen, view.data.shown)[0];
  const N = targets.length;
  const labels = targets.map((id) => pieces[id] ?? "");
  const charts = (view.charts ??= {
    accuracy: makeChart(view.grid, tr("Accuracy of each restart"), look.accuracy),
    positions: makeChart(view.grid, "", look.positions),
    loss: makeChart(view.grid, tr("Training loss"), look.loss),
    bars: makeChart(view.grid, tr("Correct positions, over all restarts"), look["position-accuracy"]),
  });
  const ends = seeds.map((_, r) => untilDone(seen, r));
  const curves = (column) =>
    seeds.map((seed, r) => ({
      name: tr("seed {seed}", { seed }),
      color: restarts[r % restarts.length],
      dash: dashes[r % dashes.length],
      x: ends[r].map((frame) => frame.steps[r]),
      y: ends[r].map((frame) => frame[column][r]),
    }));
  for (const [column, options] of [
    ["accuracy", { percent: true, yLabel: tr("token accuracy") }],
    ["loss", { log: true, yLabel: tr("mean cross-entropy, nats (log)") }],
  ]) {
    drawLines(charts[column], curves(column), options);
    drawLegend(charts[column], curves(column));
  }
  set(charts.positions.title, tr("Which positions are learned first (seed {seed})", { seed: seeds[k] }));
  const some = ends[k].length <= 120 ? ends[k] : ends[k].filter((_, f) => f % Math.ceil(ends[k].length / 120) === 0 || f === ends[k].length - 1);
  const columns = some.map((frame) => ({ step: frame.steps[k], p: frame.p.subarray(k * N, (k + 1) * N) }));
  drawHeat(charts.positions, columns, labels, scale);
  const each = seeds.map((_, r) => correct(seen, r));
  const shares = targets.map((_, n) => each.filter((right) => right[n]).length / seeds.length);
  drawBars(charts.bars, shares, labels, right, seeds.length);
}

// Tells the page once that there is something which only it can show: a result, other buttons.
function tell(view, component) {
  const stamp = view.seen?.status?.stamp;
  clearTimeout(view.telling);
  if (!stamp || stamp === view.data.stamp || stamp === view.asked) return;
  const [over, requested] = stamp.split(".");
  const [, before] = view.data.stamp.split(".");
  const urgent = over !== "0" || requested !== before;
  const wait = urgent ? 0 : view.told + RESULTS_MS - Date.now();
  const now = () => {
    view.asked = stamp;
    view.told = Date.now();
    component.setTriggerValue("news", stamp);
  };
  if (wait > 0) view.telling = setTimeout(now, wait);
  else now();
}
