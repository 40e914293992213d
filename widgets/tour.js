// Says once, to this browser's first visit of the bare first page, that the tour may begin.
const KEY = "explorer-tour";

export default function ({ data, setTriggerValue }) {
  if (!data.offered) return;
  try {
    if (localStorage.getItem(KEY)) return;
    localStorage.setItem(KEY, "seen");
  } catch {
    return; // a browser that keeps nothing would begin it at every visit
  }
  setTriggerValue("start", true);
}
