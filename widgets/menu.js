// On a narrow screen the navigation lies over the page: it goes once a page is chosen in it.
const NARROW = 768;
let listening = false;

function chosen({ target }) {
  if (window.innerWidth > NARROW || !target.closest?.("[data-testid=stSidebarNavLink]")) return;
  setTimeout(() => document.querySelector("[data-testid=stSidebarCollapseButton] button")?.click());
}

export default function () {
  if (!listening) document.addEventListener("click", chosen);
  listening = true;
}
