"""`attnprobe score`, carried out: load, claim a place, score, write, say what was found.

In: `Typed`. Out: files and a table. The order is such that a mistake costs as little time as it can.
"""

import sys
from collections.abc import Mapping, Sequence

from rich.console import RenderableType

from attnprobe.attention.measure import score_gold_tokens
from attnprobe.attention.paper import score_paper
from attnprobe.attention.settings import Protocol, ScoreSettings
from attnprobe.attention.showcase import showcase
from attnprobe.cli.console import OnProgress, progress_bar, quiet_libraries
from attnprobe.cli.saying import for_terminal, given_options, output_console, say_files
from attnprobe.cli.score_request import ScoreRequest
from attnprobe.cli.typed import Typed
from attnprobe.models.load import load_model
from attnprobe.models.model import Model
from attnprobe.report.files import SUMMARY
from attnprobe.report.score_files import paper_files, score_files
from attnprobe.report.score_keep import score_manifest
from attnprobe.report.score_part import Part
from attnprobe.report.score_table import paper_table, paper_text, score_table, score_text
from attnprobe.runs import Manifest, RunDirectory, check_place, default_place, portable
from attnprobe.tasks import Task

Files = Mapping[str, bytes]


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
        model = load_model(asked.model, **asked.loading)
        names = {"model": portable(asked.model), "task": portable(task.name)}
        try:
            settings = request.settings_for(task, model.dims.n_layers)
            manifest = score_manifest(
                model, task, settings, beside=request.beside, given=given_options(typed), words=typed.words
            )
            with RunDirectory.claim(asked.out or default_place(manifest), manifest) as directory:
                score = _paper if settings.protocol is Protocol.PAPER else _aligned
                files, said = score(request, model, task, settings, manifest, names, progress)
                written = directory.finish(files)
        finally:
            model.close()
    if prints_json:
        sys.stdout.write(for_terminal(files[SUMMARY]))
        return
    console = output_console()
    table, *answers = said
    if not is_quiet:
        console.print(table)
    for row, answer in enumerate(answers):
        if row or not is_quiet:
            console.print()
        console.print(answer)
    if not is_quiet:
        console.print()
        say_files(console, written)


def _aligned(
    request: ScoreRequest,
    model: Model,
    task: Task,
    settings: ScoreSettings,
    manifest: Manifest,
    names: Mapping[str, str],
    progress: OnProgress | None,
) -> tuple[Files, Sequence[RenderableType]]:
    result = score_gold_tokens(model, task, settings, progress=progress)
    parts: list[Part] = []
    shown = showcase(model, task, result)
    files = score_files(result, manifest, shown=shown, parts=parts, model=names["model"], task=names["task"])
    table = score_table(result, model=names["model"], task=names["task"])
    return files, (table, score_text(result), *(part.paragraphs[0] for part in parts))


def _paper(
    request: ScoreRequest,
    model: Model,
    task: Task,
    settings: ScoreSettings,
    manifest: Manifest,
    names: Mapping[str, str],
    progress: OnProgress | None,
) -> tuple[Files, Sequence[RenderableType]]:
    result = score_paper(model, task, settings, progress=progress)
    files = paper_files(result, manifest, model=names["model"], task=names["task"])
    return files, (paper_table(result, model=names["model"], task=names["task"]), paper_text(result))
