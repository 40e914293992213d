// Marks the points of a map that output the same text as a chosen one, also when it is drawn anew.
let same = new Set();
const heard = new WeakSet();

function mark() {
  for (const point of document.querySelectorAll(".js-plotly-plot path.point")) {
    point.classList.toggle("same-text", same.has(point.__data__?.data)); // Plotly's customdata
  }
}

export default function ({ data }) {
  same = new Set(data.ids);
  mark();
  for (const map of document.querySelectorAll(".js-plotly-plot")) {
    if (!map.on || heard.has(map)) continue;
    heard.add(map);
    map.on("plotly_afterplot", mark);
  }
}
