"""`attnprobe patch` for several heads at once, carried out: load, claim a place, measure, write, say what was found.

In: a request and the words it came from. Out: files and a table.
"""

import sys
from pathlib import Path

from attnprobe.causal.patch_sets import patch_sets
from attnprobe.causal.set_result import SetResult
from attnprobe.cli.console import progress_bar, quiet_libraries
from attnprobe.cli.run_request import RunRequest
from attnprobe.cli.saying import for_terminal, given_options, output_console, say_files
from attnprobe.cli.set_request import SetRequest
from attnprobe.cli.typed import Typed
from attnprobe.models.load import load_model
from attnprobe.report.files import SUMMARY
from attnprobe.report.sets_files import sets_files, sets_manifest
from attnprobe.report.sets_table import sets_table, sets_text
from attnprobe.runs import RunDirectory, default_place, portable


def run_sets(typed: Typed, asked: RunRequest, request: SetRequest, *, donor: str | None = None) -> None:
    """Do what was asked.

    Args:
        typed: the command line.
        asked: model, task and place of results.
        request: which sets, and what is done to them.
        donor: of a transplant, the model that attention is taken from.

    Raises:
        AttnprobeError: anything that the user can mend.
    """
    prints_json, is_quiet = typed.flag("json"), typed.flag("quiet")
    with quiet_libraries(), progress_bar(portable(asked.model), is_shown=not (prints_json or is_quiet)) as progress:
        task = asked.task()
        model = load_model(asked.model, **asked.loading)
        giving = None if donor is None else load_model(donor, **asked.loading)
        names = {"model": portable(asked.model), "task": portable(task.name)}
        try:
            choice, settings = request.choice(model), request.settings
            manifest = sets_manifest(
                model, task, settings, choice, donor=giving, given=given_options(typed), words=typed.words
            )
            with RunDirectory.claim(asked.out or default_place(manifest), manifest) as directory:
                result = patch_sets(model, task, choice, settings, donor=giving, progress=progress)
                files = sets_files(result, manifest, **names)
                written = directory.finish(files)
        finally:
            model.close()
            if giving is not None:
                giving.close()
    if prints_json:
        sys.stdout.write(for_terminal(files[SUMMARY]))
    else:
        _show(result, written, **names, with_table=not is_quiet)


def _show(result: SetResult, written: tuple[Path, ...], *, model: str, task: str, with_table: bool) -> None:
    console = output_console()
    if with_table:
        console.print(sets_table(result, model=model, task=task))
        console.print()
    console.print(sets_text(result))
    if with_table:
        console.print()
        say_files(console, written)
