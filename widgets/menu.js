// On a narrow screen the navigation lies over the page: it goes once a page is chosen in it.
const NARROW = 768;
let listening = false;

function chosen({ target }) {
  if (window.innerWidth > NARROW || !target.closest?.("[data-testid=stSidebarNavLink]")) return;
  setTimeout(() => document.querySelector("[data-testid=stSidebarCollapseButton] button")?.click());
}

// A finger that goes over a chart moves the page, as it does everywhere else: Plotly would zoom. It
// still taps points, and draws where a lasso or a box was asked for.
function touched(event) {
  const chart = event.target.closest?.(".draglayer")?.closest(".js-plotly-plot");
  const drawing = ["lasso", "select"].includes(chart?._fullLayout?.dragmode);
  if (chart && !drawing) event.stopPropagation();
}

export default function () {
  if (!listening) {
    document.addEventListener("click", chosen);
    document.addEventListener("touchstart", touched, { capture: true, passive: true });
  }
  listening = true;
}
