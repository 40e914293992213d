"""Further checkpoints of a model's training, on which the same is measured."""

import streamlit as st

from explorer.assets import allowed_folders, catalog
from explorer.assets.catalog import ModelCard
from explorer.base.language import tr
from explorer.experiments import over_training
from widgets import server


def choose(card: ModelCard, key: str) -> list[ModelCard]:
    """Show the picker of further checkpoints, if the model is one; return those that are chosen.

    Raises:
        BadInputError: if one that was typed is no checkpoint of this training.
    """
    at = over_training.checkpoint(card.name)
    if at is None:
        return []
    labels = st.multiselect(
        tr("More checkpoints"),
        [label for label in over_training.labels(at) if label != at.label],
        accept_new_options=True,
        key=key,
        placeholder=tr("Choose, or type a name such as step1000"),
        help=tr(
            "Revisions of the model on the hub, or folders beside this one. Each gets a run of "
            "its own; together they show capacity over training."
        ),
    )
    names = [over_training.named(at, label) for label in labels]
    server.require(*map(allowed_folders.in_model, names))
    return [catalog.find(name) for name in names]
