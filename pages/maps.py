"""Maps of solutions in two or three dimensions, and what lies where (UMAP, PCA)."""

from explorer.base.language import tr
from widgets import depth_view, map_selection, map_set_up, map_view, sets, start
from widgets.guard import sentences

start.page(tr("Maps"))
spec, made = None, None
with sentences():
    left, right = start.sides()
    with left, sentences():
        chosen = sets.choose_several()
        spec = map_set_up.settings(chosen) if chosen else None
    with right, sentences():
        made = map_set_up.made_or_asked(spec) if spec is not None else None
        ids = map_view.picture(made) if made is not None else []
        if made is not None:
            map_selection.details(made, ids)
            if made.record.layers and len(made.sets) == 1:
                depth_view.effects(made.sets[0], made.record.spec.place)
    if made is not None:
        with left:
            map_view.purity(made)
