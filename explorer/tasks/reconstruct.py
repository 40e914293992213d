"""One reconstruction from spec to solutions: what the worker and the command line both run."""

import contextlib
import math
import time
from collections import deque
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from explorer.assets import catalog
from explorer.base.formatting import human_seconds
from explorer.base.language import tr
from explorer.base.progress import Progress
from explorer.estimates import outlook
from explorer.jobs.kept import checkpoint_in
from explorer.model.metrics import h_lm, race
from explorer.model.pool import ModelPool
from explorer.runtime.interruption import Interrupted
from explorer.solutions import store
from explorer.solutions.recording import (
    LIVE,
    LOG,
    PHASES,
    Recording,
    RecordingHeader,
    RecordingLog,
    read_log,
)
from explorer.solutions.solution import Solution, new_run_id, save_solution
from explorer.specs.arrangements import read_from
from explorer.specs.jobs import ReconstructSpec
from explorer.tasks.task import BY_HAND, MEASURING, Task
from explorer.texts.targets import target_ids
from explorer.training import Outcome, Row, StepReport, Trainer
from explorer.training.checkpoint import Checkpoint
from explorer.training.layouts import OnePass
from explorer.training.probing import arrangement_for
from explorer.training.shared_pass import Step
from explorer.training.solved import solution_of

FRAME_SECONDS = 0.25
RECENT_STEPS = 20
"""Steps whose mean time says how long the others take."""
LEAST_STEPS_TIMED = 5
STEPS_BEFORE_H_LM = 8
"""A pass in float32 that no frame needs: when a class begins, others wait for their first one."""


class Reconstruction(Task):
    """Trains K restarts of one text and keeps every solution, frame and checkpoint on the way.

    Attributes:
        spec: what was asked.
        arrangement: how e and m are laid out: as asked, or what suits the model.
        trainer: the engine at work.
        solutions: files of the restarts that are over, by row.
        report: of the last step; None before the first.
    """

    def __init__(
        self, spec: ReconstructSpec, pool: ModelPool, folder: Path, job: str | None, out: Path
    ) -> None:
        """Load the model and lay out the rows; go on from a checkpoint if `folder` holds one.

        Args:
            spec: what to train.
            pool: where models come from.
            folder: for frames and the checkpoint while it runs.
            job: the job's id, None on the command line.
            out: where solution files and the recording go.

        Raises:
            MissingAssetError: if the model is not on this disk.
            BadInputError: if the text and length do not fit together.
            ModelError: if the model cannot be loaded.
        """
        self.spec, self.folder, self.job, self.out = spec, folder, job, out
        model_folder, name = catalog.require(spec.model)
        self.model = pool.searching(model_folder, name, spec.recipe.precision)
        exact_model = pool.in_float32(model_folder, name)
        self.arrangement = arrangement_for(
            spec.arrangement, self.model, exact_model, quickest=spec.recipe.informed
        )
        self._layout = OnePass.of(self.arrangement, self.model)
        self.tokenizer = self.model.tokenizer
        room = self.model.max_positions - read_from(self.arrangement)
        ids = target_ids(spec.text, self.tokenizer, spec.length, max_positions=room)
        self.target_ids = np.array(ids, dtype=np.int64)
        seeds = [spec.seed + k for k in range(spec.restarts)]
        self.trainer = Trainer(
            self.model,
            [Row(tuple(ids), seed) for seed in seeds],
            self._layout,
            spec.recipe,
            exact_model=exact_model,
            until=spec.until,
        )
        self.header = RecordingHeader(
            model=name,
            target_ids=ids,
            groups=[(g.start, g.stop, g.text) for g in self.tokenizer.groups(ids)],
            seeds=seeds,
            d_model=self.model.d_model,
            arrangement=self.arrangement,
            title=spec.title,
        )
        self.solutions: dict[int, Path] = {}
        self.report: StepReport | None = None
        self.run_id = job[:8] if job else new_run_id()  # a job begun twice makes the same files
        self._step = self._furthest = 0
        self._took: deque[float] = deque(maxlen=RECENT_STEPS)
        asked = spec.model_copy(update={"arrangement": self.arrangement})
        self._kept = Checkpoint(checkpoint_in(folder), self.model, asked.model_dump(mode="json"))
        self.resumed = self._restore()

    @cached_property
    def h_lm(self) -> tuple[float, int]:
        """H_LM of the target in nats, and the number of its terms (Q2)."""
        return h_lm(self.trainer.exact_model, self.target_ids.tolist())

    def _work(self) -> Iterator[Progress]:
        """Train until every row is over, from a frame of where it begins; then time the race."""
        log = RecordingLog(self.folder, self.header, until=self._step if self.resumed else -1)
        shown = -math.inf

        def due() -> bool:
            return time.monotonic() - shown >= FRAME_SECONDS

        step, at_its_end = Step(self.trainer, due), self.trainer.finished
        if not self.trainer.finished:
            self.next_step = step
            yield self._progress(self.trainer.report(detailed=False))
        while not self.trainer.finished:
            try:
                self.report = report = step.take()
            except Interrupted:  # somebody wants it to stop or to pause; it stands as before
                yield self._progress(self.trainer.report(detailed=False))
                continue
            self._took.append(step.seconds)
            self._step += 1
            self._keep_finished(report)
            if step.detail or self.trainer.finished:
                at_its_end = all(phase == "done" for phase in report.phase)
                log.publish(self._frame(report), last=self.trainer.finished)
                shown = time.monotonic() - step.seconds
            step = Step(self.trainer, due)
            self.next_step = None if self.trainer.finished else step
            yield self._progress(report)
        self.next_step = None
        if not at_its_end:  # it ended between two steps: who watches has not seen how
            self._step += 1
            log.publish(self._frame(self.trainer.report(detailed=True)), last=True)
        self._keep_finished(self.trainer.report(detailed=False))  # rows that ended without a step
        self._checkpoint()
        self._keep_recording()
        if self.job is not None:
            yield from self._race_of_the_job()

    def _progress(self, report: StepReport) -> Progress:
        most, each = self.spec.recipe.max_steps, self.step_seconds
        live = [k for k, phase in enumerate(report.phase) if phase != "done"]
        step = int(report.steps[live].max()) if live else int(report.steps.max())
        self._furthest = max(self._furthest, step)  # a restart that rested may have fewer steps
        said = {"step": step, "most": most, "usual": self._expected.after(step, each)}
        some = 0 < len(live) < len(report.phase)
        if each:
            said["time"] = human_seconds((most - step) * each)
            sentence = (
                tr(
                    "Restarts still training: step {step} of at most {most}, {time} at the "
                    "longest. {usual}",
                    **said,
                )
                if some
                else tr("Step {step} of at most {most}, {time} at the longest. {usual}", **said)
            )
        elif some:
            sentence = tr("Restarts still training: step {step} of at most {most}. {usual}", **said)
        else:
            sentence = tr("Step {step} of at most {most}. {usual}", **said)
        return Progress(sentence, self._furthest / most)

    @cached_property
    def _expected(self) -> outlook.TextOutlook:
        return outlook.of_text(self.spec)

    @property
    def step_seconds(self) -> float | None:
        """How long a step takes; None: not known yet.

        The mean of the last `RECENT_STEPS`, since steps get quicker when restarts rest.
        """
        if len(self._took) < LEAST_STEPS_TIMED:
            return None
        return sum(self._took) / len(self._took)

    def stopping(self, reason: str = BY_HAND) -> Iterator[Progress]:
        """End every row where it is, and save what there is; the score of each takes a pass."""
        if not self.trainer.finished:
            for i in range(len(self.trainer.rows)):
                yield Progress(MEASURING, self._furthest / self.spec.recipe.max_steps)
                self.trainer.stop(reason, [i])
            self.report = report = self.trainer.report(detailed=True)
            log = RecordingLog(self.folder, self.header, until=self._step)
            log.publish(self._frame(report), last=True)
        self._keep_finished(self.trainer.report(detailed=False))
        self._keep_recording()

    def _race_of_the_job(self) -> Iterator[Progress]:
        """Time the race, which the pages show, and keep it."""
        racing = Progress(tr("Timing one forward pass against token-by-token generation."), 1.0)
        yield racing
        for found in self.race():
            if found is not None:
                found.keep(self.out / store.RACE)
            yield racing

    def race(self) -> Iterator[store.Race | None]:
        """Time the one forward pass against the model's own generation, for an exact row."""
        exact = [o for o in self.outcomes() if o.score.exact]
        if not exact:
            return
        found = exact[0]
        said = found.score.predicted.tolist()
        for timed in race(self.model, found.e, found.m, found.row.target_ids, self.arrangement):
            if timed is None:
                yield None
                continue
            one_forward, autoregressive, continued = timed
            yield store.Race(
                tokens=len(said),
                one_forward_seconds=one_forward,
                autoregressive_seconds=autoregressive,
                one_forward_text=self.tokenizer.decode(said),
                autoregressive_text=self.tokenizer.decode(continued),
                device=self.model.device.type,
                number_format=self.model.number_format,
            )

    @property
    def outcome(self) -> str:
        """How many restarts are exact."""
        exact = sum(o.score.exact for o in self.outcomes())
        return tr("{exact} of {all} restarts exact.", exact=exact, all=self.spec.restarts)

    @property
    def result(self) -> dict[str, Any]:
        """The ids of the solutions, and H_LM of the target once there is time for it."""
        made = {"solutions": [path.stem for _, path in sorted(self.solutions.items())]}
        late = self._step > STEPS_BEFORE_H_LM or self.trainer.finished
        return made | ({"h_lm": self.h_lm[0]} if late else {})

    @property
    def notices(self) -> list[str]:
        """Whether it went on from a checkpoint, and what the trainer had to do for want of room."""
        return [*super().notices, *self.trainer.notices]

    def outcomes(self) -> list[Outcome]:
        """Return the outcome of every row, in the order of their seeds."""
        return [self.trainer.outcome(i) for i in range(len(self.trainer.rows))]

    def _keep_finished(self, report: StepReport) -> None:
        for i, phase in enumerate(report.phase):
            if phase == "done" and i not in self.solutions:
                self.solutions[i] = self._keep(i)

    def _keep(self, i: int) -> Path:
        solution = self._solution(self.trainer.outcome(i))
        if self.job is not None:
            return store.keep(solution, self.job)
        return save_solution(solution, self.out / f"{solution.record.id}.safetensors")

    def _solution(self, found: Outcome) -> Solution:
        spec = self.spec
        return solution_of(
            found,
            self.model,
            self._layout,
            spec.recipe,
            self.h_lm,
            self.run_id,
            name=self.header.model,
            title=spec.title,
            source=spec.source,
            job=self.job,
        )

    def _frame(self, report: StepReport) -> np.ndarray[Any, Any]:
        frame = np.zeros(1, dtype=self.header.frame_dtype)
        frame["step"], frame["best"] = self._step, report.best
        frame["seconds"] = max(self.trainer.seconds(i) for i in range(len(report.steps)))
        frame["steps"], frame["loss"] = report.steps, report.loss
        frame["accuracy"] = report.accuracy
        frame["phase"] = [PHASES.index(phase) for phase in report.phase]
        frame["predicted"] = np.stack(report.predicted)
        frame["p"] = np.stack(report.p)
        frame["rank"] = np.stack(report.rank)
        frame["e"], frame["m"] = np.clip(self.trainer.shown_vectors_of(report.best), -6e4, 6e4)
        return frame

    def _keep_recording(self) -> None:
        found = read_log(self.folder)
        if found is not None:
            ids = np.union1d(found.frames["predicted"], self.target_ids).tolist()
            pieces = dict(zip(ids, self.tokenizer.pieces(ids), strict=True))
            header = found.header.model_copy(update={"pieces": pieces})
            Recording(header, found.frames).save(self.recording_file)

    @property
    def recording_file(self) -> Path:
        """Where the recording goes; outside the store a folder may hold several runs."""
        own = "" if self.job else f"{self.run_id}."
        return self.out / f"{own}{store.RECORDING}"

    def discard(self) -> None:
        """Remove what a run at its end was to go on from, and the frames that its recording has."""
        self._kept.discard()
        frames = [self.folder / LOG, self.folder / LIVE] if self.recording_file.is_file() else []
        with contextlib.suppress(OSError):  # what stays is a leftover, which the Library lists
            for file in frames:
                file.unlink(missing_ok=True)
            self.folder.rmdir()  # only if it is empty

    def _checkpoint(self) -> None:
        solutions = {str(i): str(path) for i, path in self.solutions.items()}
        self._kept.save([self.trainer], step=self._step, run_id=self.run_id, solutions=solutions)

    def _restore(self) -> bool:
        saved = self._kept.read()
        if saved is None or not saved.restore(0, self.trainer):
            return False
        self._step, self.run_id = saved.values["step"], saved.values["run_id"]
        self.solutions = {int(i): Path(path) for i, path in saved.values["solutions"].items()}
        return True
