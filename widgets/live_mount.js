// The component of one job: mounted once, kept through reruns of the page.
export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".live");
  spoken = data.spoken;
  let view = mounted.get(root);
  if (!view || view.data.job !== data.job) {
    view?.leave?.();
    view = buildLive(root, data);
    view.told = Date.now();
    mounted.set(root, view);
  }
  view.data = data;
  view.asked = null;
  view.component = component;
  view.leave ??= stream.listen(data.job, (seen, connection) => {
    Object.assign(view, { seen, connection });
    draw(view);
    tell(view, view.component);
  });
  const kept = stream.jobs.get(data.job);
  if (kept) Object.assign(view, { seen: kept.seen, connection: stream.connection });
  draw(view, true);
  tell(view, component);
  return () => {
    setTimeout(() => {
      if (root.isConnected) return;
      view.leave?.();
      view.leave = null;
      clearTimeout(view.telling);
      clearTimeout(view.later);
      mounted.delete(root);
    }, 0);
  };
}
