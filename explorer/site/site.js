// Draws what a page of the site holds: strips, and charts in the colours that the reader's system asks for.
const dark = window.matchMedia("(prefers-color-scheme: dark)");

const finger = window.matchMedia("(pointer: coarse)");

const contentOf = (place) => JSON.parse(place.nextElementSibling.textContent);

function drawChart(place) {
  const { data, layout, frames } = contentOf(place);
  const template = THEMES[dark.matches ? "dark" : "light"];
  if (finger.matches && !layout.scene) layout.dragmode = false; // it moves the page
  const options = { responsive: true, displaylogo: false, toImageButtonOptions: { scale: 2 } };
  Plotly.newPlot(place, { data, layout: { ...layout, template }, frames }, options);
}

// Charts are drawn when they come near, so that a page of many opens at once.
const near = new IntersectionObserver(
  (seen) => {
    for (const { target, isIntersecting } of seen) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      drawChart(target);
    }
  },
  { rootMargin: "600px" },
);

for (const place of document.querySelectorAll(".strip")) {
  const data = contentOf(place);
  showStrip(place, { mode: data.steps.length > 1 ? "play" : "live", ...data });
}
const charts = document.querySelectorAll(".plot");
for (const place of charts) {
  place.style.minHeight = `${place.dataset.height}px`;
  near.observe(place);
}
dark.addEventListener("change", () => {
  for (const place of charts) if (place.data) drawChart(place);
});
