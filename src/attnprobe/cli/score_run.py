"""`attnprobe score`, carried out: load, let it answer, claim a place, score, write, say what was found.

In: `Typed`. Out: files and a table. The order is such that a mistake costs as little time as it can; but answers come
before a backend takes the model over, since one of them rebuilds it.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import pandas as pd
from rich.console import RenderableType

from attnprobe.attention.categories import score_categories
from attnprobe.attention.measure import score_gold_tokens
from attnprobe.attention.paper import score_paper
from attnprobe.attention.result import PaperResult, ScoreResult
from attnprobe.attention.settings import Protocol, ScoreSettings
from attnprobe.attention.showcase import showcase
from attnprobe.attention.spans import score_spans
from attnprobe.cli.console import OnProgress, progress_bar, quiet_libraries
from attnprobe.cli.saying import for_terminal, given_options, output_console, say_files
from attnprobe.cli.score_request import ScoreRequest
from attnprobe.cli.typed import Typed
from attnprobe.evaluation.association.associate import associate
from attnprobe.evaluation.association.outcomes import answer_task
from attnprobe.models.language_model import LanguageModel, load_language_model
from attnprobe.models.load import open_model
from attnprobe.models.model import Model
from attnprobe.report.association_part import association_part
from attnprobe.report.categories_part import categories_part, spans_part
from attnprobe.report.files import SUMMARY
from attnprobe.report.score_files import paper_files, score_files
from attnprobe.report.score_keep import score_manifest
from attnprobe.report.score_part import Part
from attnprobe.report.score_table import paper_table, paper_text, score_table, score_text
from attnprobe.runs import Manifest, RunDirectory, check_place, default_place, portable
from attnprobe.tasks import Task
from attnprobe.tasks.parts_of_speech import Tagger


class _Names(TypedDict):
    """What to call model and task."""

    model: str
    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What ends a run: its files, and what is printed of it, the table first."""

    files: Mapping[str, bytes]
    shown: Sequence[RenderableType]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scoring:
    """Everything that a run scores with."""

    request: ScoreRequest
    task: Task
    model: Model
    settings: ScoreSettings
    tagger: Tagger | None
    answers: pd.DataFrame | None
    names: _Names
    progress: OnProgress | None

    def carried_out(self, manifest: Manifest) -> _Said:
        """Score by the protocol that was asked for."""
        if self.settings.protocol is Protocol.PAPER:
            result = score_paper(self.model, self.task, self.settings, progress=self.progress)
            parts = self._association(result)
            files = paper_files(result, manifest, parts=parts, **self.names)
            return _Said(files=files, shown=(paper_table(result, **self.names), paper_text(result), *_first(parts)))
        scored = score_gold_tokens(self.model, self.task, self.settings, progress=self.progress)
        parts = (*self._association(scored), *self._categories())
        shown = showcase(self.model, self.task, scored)
        files = score_files(scored, manifest, shown=shown, parts=parts, **self.names)
        return _Said(files=files, shown=(score_table(scored, **self.names), score_text(scored), *_first(parts)))

    def _association(self, result: ScoreResult | PaperResult) -> tuple[Part, ...]:
        if self.answers is None or self.request.association is None:
            return ()
        return (association_part(associate(result, self.answers, self.task, self.request.association)),)

    def _categories(self) -> tuple[Part, ...]:
        if self.tagger is None:
            return ()
        categories = score_categories(self.model, self.task, self.settings, tagger=self.tagger, progress=self.progress)
        spans = score_spans(self.model, self.task, self.settings, progress=self.progress)
        return categories_part(categories), spans_part(spans)


def run_score(typed: Typed) -> None:
    """Do what was asked.

    Raises:
        AttnprobeError: anything that the user can mend.
    """
    request = ScoreRequest.of(typed)
    asked = request.run
    if asked.out is not None:
        check_place(asked.out)
    prints_json, is_quiet = typed.flag("json"), typed.flag("quiet")
    with quiet_libraries(), progress_bar(portable(asked.model), is_shown=not (prints_json or is_quiet)) as progress:
        task = asked.task()
        request.check_task(task)
        tagger = request.tagger(task)
        loaded = _load(request)
        if loaded.n_layers is not None:
            # before hundreds of answers are written, not after
            request.layers(loaded.n_layers)
        answers = None
        if request.association is not None:
            answers = answer_task(loaded, task, request.association, progress=progress)
        model = open_model(loaded, backend=asked.loading["backend"])
        try:
            scoring = _Scoring(
                request=request,
                task=task,
                model=model,
                settings=request.settings_for(task, model.dims.n_layers),
                tagger=tagger,
                answers=answers,
                names={"model": portable(asked.model), "task": portable(task.name)},
                progress=progress,
            )
            said, written = _write(scoring, typed)
        finally:
            model.close()
    if prints_json:
        sys.stdout.write(for_terminal(said.files[SUMMARY]))
    else:
        _show(said, written, with_table=not is_quiet)


def _load(request: ScoreRequest) -> LanguageModel:
    loading = {name: value for name, value in request.run.loading.items() if name != "backend"}
    return load_language_model(request.run.model, **loading)


def _write(scoring: _Scoring, typed: Typed) -> tuple[_Said, tuple[Path, ...]]:
    request = scoring.request
    manifest = score_manifest(
        scoring.model,
        scoring.task,
        scoring.settings,
        association=request.association,
        tagger=None if scoring.tagger is None else scoring.tagger.name,
        given=given_options(typed),
        words=typed.words,
    )
    with RunDirectory.claim(request.run.out or default_place(manifest), manifest) as directory:
        said = scoring.carried_out(manifest)
        return said, directory.finish(said.files)


def _first(parts: Sequence[Part]) -> tuple[str, ...]:
    return tuple(part.paragraphs[0] for part in parts)


def _show(said: _Said, written: tuple[Path, ...], *, with_table: bool) -> None:
    console = output_console()
    table, *answers = said.shown
    if with_table:
        console.print(table)
        console.print()
    for row, answer in enumerate(answers):
        if row:
            console.print()
        console.print(answer, markup=False)
    if with_table:
        console.print()
        say_files(console, written)
