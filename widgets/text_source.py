"""Which text: typed, uploaded, drawn from a source, or written by the model itself."""

from typing import Any

import streamlit as st

from explorer.assets import allowed_folders
from explorer.assets.catalog import ModelCard
from explorer.base.errors import BadInputError
from explorer.base.language import retold, tr
from explorer.base.value import valid
from explorer.jobs import client
from explorer.people import limits
from explorer.specs.jobs import GenerateSpec
from explorer.specs.texts import SOURCES, GeneratedSpec, OwnSpec, make_spec
from explorer.texts.drawing import continuation, draw
from explorer.texts.own import from_upload
from explorer.texts.passages import Passage
from widgets import server
from widgets.following import follow
from widgets.guard import sentences
from widgets.markdown import escaped

DEFAULT = "The ferry leaves at dawn, and nobody on the pier has ever seen who is steering it."


def choose(card: ModelCard, first: str = DEFAULT) -> Passage | None:
    """Show the sources and return the chosen passage, or None while there is none.

    Args:
        card: the model.
        first: the own text before anybody has typed one.
    """
    source = st.selectbox(
        tr("Text"),
        list(SOURCES),
        format_func=lambda name: tr(SOURCES[name]),
        key="source",
        bind="query-params",
    )
    with sentences():
        if source == "own":
            return _own(first)
        return _generated(card) if source == "generated" else _drawn(source)
    return None


def _own(first: str) -> Passage:
    typed = st.text_area(
        tr("Your text"),
        first,
        key="own_text",
        height=84,
        persist_state="session",
        help=tr("Any language. Its first tokens become the target."),
    )
    with st.popover(tr("From a file"), icon=":material/upload_file:", key="from-file"):
        file = st.file_uploader(
            tr("A text file"),
            key="own_file",
            max_upload_size=10,
            help=tr("UTF-8 or UTF-16, up to 10 MB."),
        )
    if file is not None:
        return from_upload(file.name, file.getvalue())
    return draw(make_spec("own", text=typed or ""))


def _drawn(source: str) -> Passage:
    fields: dict[str, Any] = {}
    if source == "pg19":
        limits.require_hub(server.person())
    if source in ("corpus", "random") and not (server.is_private() or allowed_folders.allowed()):
        if source == "corpus":
            raise BadInputError(tr(allowed_folders.NO_PATHS))
        st.caption(escaped(tr(allowed_folders.NO_PATHS)))
    elif source in ("corpus", "random"):
        path = st.text_input(
            tr("Folder of .txt files, or a .jsonl file")
            if source == "corpus"
            else tr("GloVe file (leave empty for wordfreq's list)"),
            key=f"{source}_path",
            persist_state="session",
            help=tr("A path on the machine that runs the explorer."),
        )
        if path:
            server.require(path)
            fields["path"] = path
        elif source == "corpus":
            raise BadInputError(
                tr("Name a folder of .txt files, or a .jsonl file with a text field.")
            )
    left, right = st.columns(2)
    fields["seed"] = int(
        left.number_input(tr("Seed for choosing the text"), 0, 2**31 - 1, 0, key="text_seed")
    )
    fields["index"] = int(right.number_input(tr("Passage"), 0, 10**6, 0, key="text_index"))
    with st.spinner(tr("Choosing a text …")):
        passage = draw(make_spec(source, **fields))
    st.text(passage.title)
    return passage


def _generated(card: ModelCard) -> Passage | None:
    context = st.text_area(
        tr("What the model reads first"),
        DEFAULT,
        key="context",
        height=80,
        persist_state="session",
    )
    left, right = st.columns(2)
    seed = int(left.number_input(tr("Sampling seed"), 0, 2**31 - 1, 0, key="sampling_seed"))
    count = int(right.number_input(tr("Tokens"), 1, 512, 48, key="sampling_length"))
    writing = f"writing-{card.name}"  # what one model wrote is not another's continuation
    if st.button(tr("Let the model write"), icon=":material/edit_note:", key="write"):
        if not (context or "").strip():
            raise BadInputError(tr("Give the model something to read first."))
        asked = {"model": card.name, "context": context or "", "length": count, "seed": seed}
        spec = valid(GenerateSpec, asked)
        st.session_state[writing] = server.submit(spec)
    if writing not in st.session_state:
        st.caption(tr("The text is the model's own continuation, sampled at temperature 1."))
        return None
    job = client.get(st.session_state[writing])
    if not job.over:
        follow(job.id)
        return None
    if job.error:
        raise BadInputError(retold(job.error))
    assert isinstance(job.spec, GenerateSpec)
    own = OwnSpec(text=job.spec.context, title="one's own context")
    made = GeneratedSpec(
        context=own,
        context_length=len(job.spec.context),
        length=job.spec.length,
        seed=job.spec.seed,
    )
    passage = continuation(made, draw(own), job.result.get("text", ""))
    st.text(passage.text)
    return passage
