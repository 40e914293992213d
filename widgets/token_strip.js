export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".strip");
  spoken = data.spoken;
  root.setAttribute("aria-label", tr("Tokens"));
  showStrip(root, data);
  return () => {
    const old = kept.get(root);
    if (old && old.timer && !root.isConnected) clearInterval(old.timer);
  };
}
