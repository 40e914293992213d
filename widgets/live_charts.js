// Charts of a run in progress, drawn in the page: curves, a heat map, bars.
const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 250;
const MARGIN = { left: 52, right: 12, top: 8, bottom: 42 };
const DASHES = { solid: "", dash: "9 5", dot: "2 4", dashdot: "9 4 2 4", longdash: "14 6", longdashdot: "14 5 2 5" };

function svg(tag, attributes, parent) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  parent?.appendChild(made);
  return made;
}

// A frame with a title and what to look at; `draw(area, width)` fills it anew.
function makeChart(parent, title, look) {
  const figure = element("figure", "chart", parent);
  element("figcaption", "title", figure).textContent = title;
  const area = element("div", "area", figure);
  area.setAttribute("role", "img");
  const legend = element("div", "legend", figure);
  element("div", "look", figure).textContent = look;
  const read = element("div", "read", figure);
  return { figure, area, legend, read, title: figure.firstChild };
}

function roundTicks(low, high, most) {
  const rough = (high - low || 1) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const size = [1, 2, 5, 10].map((d) => d * power).find((s) => s >= rough);
  const ticks = [];
  for (let t = Math.ceil(low / size) * size; t <= high + size * 1e-6; t += size) ticks.push(t);
  return ticks;
}

function logTicks(low, high) {
  const tenths = Array.from({ length: 90 }, (_, k) => 1 + k / 10);
  for (const digits of [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9], tenths]) {
    const ticks = [];
    for (let p = Math.floor(Math.log10(low)) - 1; p <= Math.ceil(Math.log10(high)); p++) {
      for (const d of digits) ticks.push(Number(`${d}e${p}`));
    }
    const inside = ticks.filter((t) => t >= low && t <= high);
    if (inside.length >= 3 || digits === tenths) {
      const every = Math.ceil(inside.length / 7);
      return inside.filter((_, k) => k % every === 0);
    }
  }
  return [];
}

function axes(area, width, { x, y, xLabel, yLabel, xTicks, yTicks, xText = String, yText = String }) {
  area.replaceChildren();
  const root = svg("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}` }, area);
  const right = width - MARGIN.right;
  const bottom = HEIGHT - MARGIN.bottom;
  for (const t of yTicks) {
    svg("line", { class: "grid", x1: MARGIN.left, x2: right, y1: y(t), y2: y(t) }, root);
    svg("text", { x: MARGIN.left - 6, y: y(t) + 4, "text-anchor": "end" }, root).textContent = yText(t);
  }
  for (const t of xTicks) {
    svg("text", { x: x(t), y: bottom + 16, "text-anchor": "middle" }, root).textContent = xText(t);
  }
  const middle = (MARGIN.left + right) / 2;
  svg("text", { x: middle, y: HEIGHT - 6, "text-anchor": "middle" }, root).textContent = xLabel;
  const up = (MARGIN.top + bottom) / 2;
  const turned = { x: 12, y: up, "text-anchor": "middle", transform: `rotate(-90 12 ${up})` };
  svg("text", turned, root).textContent = yLabel;
  return root;
}

const linear = (low, high, from, to) => (v) => from + ((v - low) / (high - low || 1)) * (to - from);

// series: [{ name, color, dash, x: number[], y: number[] }]
function drawLines(chart, series, { log = false, yLabel, percent = false }) {
  const width = chart.area.clientWidth || 480;
  const points = series.flatMap((s) => s.x);
  const most = Math.max(1, ...points);
  const x = linear(0, most, MARGIN.left, width - MARGIN.right);
  const values = series.flatMap((s) => s.y).filter((v) => Number.isFinite(v) && (!log || v > 0));
  const low = percent ? -0.03 : Math.min(...values, log ? Infinity : 0);
  const high = percent ? 1.05 : Math.max(...values);
  const sane = values.length ? [low, high === low ? low * 1.1 + 1e-9 : high] : [1, 10];
  const f = log ? Math.log : (v) => v;
  const at = linear(f(sane[0]), f(sane[1]), HEIGHT - MARGIN.bottom, MARGIN.top);
  const y = (v) => at(f(v));
  const show = (v) => number(percent ? `${Math.round(v * 100)}%` : String(Number(v.toPrecision(3))));
  const root = axes(chart.area, width, {
    x, y, yLabel,
    xLabel: tr("optimizer step of the restart"),
    xTicks: roundTicks(0, most, Math.max(2, width / 90)),
    yTicks: percent ? [0, 0.25, 0.5, 0.75, 1] : logTicks(sane[0], sane[1]),
    yText: show,
  });
  for (const s of series) {
    let path = "";
    let pen = "M";
    s.x.forEach((step, i) => {
      if (!Number.isFinite(s.y[i]) || (log && s.y[i] <= 0)) return (pen = "M");
      path += `${pen}${x(step).toFixed(1)} ${y(s.y[i]).toFixed(1)}`;
      pen = "L";
    });
    if (s.x.length === 1) path += "h0.1";
    svg("path", { d: path, stroke: s.color, "stroke-dasharray": DASHES[s.dash] ?? s.dash ?? "", class: "curve" }, root);
  }
  const newest = (s) => (s.y.length ? show(s.y.at(-1)) : tr("nothing yet"));
  const now = series.map((s) => `${s.name}: ${newest(s)}`).join(", ");
  const title = chart.title.textContent;
  chart.area.setAttribute("aria-label", tr("{title}. {value} over steps; now {now}.", { title, value: yLabel, now }));
  root.onmousemove = (event) => {
    const step = ((event.offsetX - MARGIN.left) / (width - MARGIN.left - MARGIN.right)) * most;
    set(chart.read, series.filter((s) => s.x.length).map((s) => {
      const i = s.x.reduce((best, v, k) => (Math.abs(v - step) < Math.abs(s.x[best] - step) ? k : best), 0);
      return tr("{curve}, step {step}: {value}", { curve: s.name, step: s.x[i], value: show(s.y[i]) });
    }).slice(0, 4).join(" · "));
  };
  root.onmouseleave = () => set(chart.read, "");
}

function drawLegend(chart, series) {
  if (chart.legend.childElementCount === series.length) return;
  chart.legend.replaceChildren();
  for (const s of series) {
    const entry = element("span", "entry", chart.legend);
    const sample = svg("svg", { width: 30, height: 10, "aria-hidden": "true" }, entry);
    const line = { x1: 0, x2: 30, y1: 5, y2: 5, stroke: s.color, "stroke-dasharray": DASHES[s.dash] ?? s.dash ?? "", class: "curve" };
    svg("line", line, sample);
    entry.appendChild(document.createTextNode(s.name));
  }
}

function mix(scale, value) {
  let k = scale.findIndex(([at]) => at >= value);
  if (k <= 0) k = 1;
  const [a, from] = scale[k - 1];
  const [b, to] = scale[k];
  const share = Math.min(1, Math.max(0, (value - a) / (b - a)));
  const part = (text, i) => parseInt(text.slice(1 + 2 * i, 3 + 2 * i), 16);
  return [0, 1, 2].map((i) => Math.round(part(from, i) + share * (part(to, i) - part(from, i))));
}

// columns: [{ step, p: Uint8Array(N) percent }]; labels: N texts
function drawHeat(chart, columns, labels, scale) {
  const width = chart.area.clientWidth || 480;
  const N = labels.length;
  const x = linear(0, columns.length, MARGIN.left, width - MARGIN.right);
  const y = linear(0, N, MARGIN.top, HEIGHT - MARGIN.bottom);
  const spread = Math.max(1, Math.ceil(columns.length / Math.max(2, width / 110)));
  const root = axes(chart.area, width, {
    x: (k) => x(k + 0.5),
    y: (n) => y(n - 0.5),
    xLabel: tr("optimizer step of the restart"), yLabel: tr("position in text"),
    xTicks: columns.map((_, k) => k).filter((k) => k % spread === 0),
    xText: (k) => String(columns[k].step),
    yTicks: roundTicks(1, N, Math.min(N, 8)).filter((t) => Number.isInteger(t) && t >= 1),
  });
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, columns.length);
  canvas.height = N;
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(canvas.width, N);
  const colours = (chart.colours ??= Array.from({ length: 101 }, (_, p) => mix(scale, p / 100)));
  columns.forEach(({ p }, k) => {
    for (let n = 0; n < N; n++) image.data.set([...colours[p[n]], 255], 4 * (n * canvas.width + k));
  });
  pen.putImageData(image, 0, 0);
  const box = { x: MARGIN.left, y: MARGIN.top, width: width - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom };
  const picture = svg("image", { ...box, href: canvas.toDataURL(), preserveAspectRatio: "none", class: "heat" }, root);
  const title = chart.title.textContent;
  const seen = { title, positions: N, frames: columns.length };
  chart.area.setAttribute("aria-label", tr("{title}. Heat map of the probability of the correct token at {positions} positions over {frames} frames.", seen));
  picture.onmousemove = (event) => {
    const k = Math.floor(((event.offsetX - MARGIN.left) / box.width) * columns.length);
    const n = Math.floor(((event.offsetY - MARGIN.top) / box.height) * N);
    if (columns[k] && labels[n] !== undefined) {
      const here = { step: columns[k].step, position: n + 1, token: visible(labels[n]), p: number((columns[k].p[n] / 100).toFixed(2)) };
      set(chart.read, tr("step {step}, position {position} “{token}”: p {p}", here));
    }
  };
  picture.onmouseleave = () => set(chart.read, "");
  if (!chart.legend.childElementCount) {
    const bar = element("span", "scale", chart.legend);
    bar.style.background = `linear-gradient(to right, ${scale.map(([at, c]) => `${c} ${at * 100}%`).join(", ")})`;
    chart.legend.prepend(document.createTextNode("p(target) 0"));
    chart.legend.append(document.createTextNode("1"));
  }
}

// shares: N numbers from 0 to 1
function drawBars(chart, shares, labels, color, restarts) {
  const width = chart.area.clientWidth || 480;
  const N = shares.length;
  const x = linear(0, N, MARGIN.left, width - MARGIN.right);
  const y = linear(0, 1.05, HEIGHT - MARGIN.bottom, MARGIN.top);
  const root = axes(chart.area, width, {
    x: (n) => x(n - 0.5), y,
    xLabel: tr("position in text"), yLabel: tr("share of restarts ({count})", { count: restarts }),
    xTicks: roundTicks(1, N, Math.min(N, width / 60)).filter((t) => Number.isInteger(t) && t >= 1),
    yTicks: [0, 0.25, 0.5, 0.75, 1], yText: (v) => number(`${Math.round(v * 100)}%`),
  });
  shares.forEach((share, n) => {
    const bar = { x: x(n + 0.1), width: Math.max(1, x(n + 0.9) - x(n + 0.1)), y: y(share), height: y(0) - y(share), fill: color };
    const made = svg("rect", bar, root);
    const here = { position: n + 1, token: visible(labels[n]), percent: Math.round(share * 100) };
    made.onmouseenter = () => set(chart.read, tr("position {position} “{token}”: {percent}% of restarts", here));
    made.onmouseleave = () => set(chart.read, "");
  });
  const counts = { title: chart.title.textContent, correct: shares.filter((share) => share === 1).length, positions: N };
  chart.area.setAttribute("aria-label", tr("{title}. {correct} of {positions} positions are correct in every restart.", counts));
}
