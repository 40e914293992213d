export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".strip");
  showStrip(root, data);
  return () => {
    const old = kept.get(root);
    if (old && old.timer && !root.isConnected) clearInterval(old.timer);
  };
}
