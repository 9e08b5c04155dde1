"""`attnprobe verdict`, carried out: load, claim a place, test, write, say what was found.

In: `Typed`. Out: files and a table. The manifest with the rules is written before anything is measured.
"""

import sys
from pathlib import Path

from attnprobe.cli.console import progress_bar, quiet_libraries
from attnprobe.cli.saying import for_terminal, given_options, output_console, say_files
from attnprobe.cli.typed import Typed
from attnprobe.cli.verdict_request import VerdictRequest
from attnprobe.evaluation.verdict.result import VerdictResult
from attnprobe.evaluation.verdict.run import verdict
from attnprobe.models.load import load_model
from attnprobe.report.files import SUMMARY
from attnprobe.report.verdict_files import verdict_files, verdict_manifest
from attnprobe.report.verdict_table import verdict_table, verdict_text
from attnprobe.runs import RunDirectory, check_place, default_place, portable


def run_verdict(typed: Typed) -> None:
    """Do what was asked.

    Raises:
        AttnprobeError: anything that the user can mend.
    """
    request = VerdictRequest.of(typed)
    asked = request.run
    if asked.out is not None:
        check_place(asked.out)
    prints_json, is_quiet = typed.flag("json"), typed.flag("quiet")
    with quiet_libraries(), progress_bar(portable(asked.model), is_shown=not (prints_json or is_quiet)) as progress:
        task = asked.task()
        model = load_model(asked.model, **asked.loading)
        names = {"model": portable(asked.model), "task": portable(task.name)}
        donor = None
        try:
            donor = None if request.donor is None else load_model(request.donor, **asked.loading)
            manifest = verdict_manifest(
                model, task, request.settings, donor=donor, given=given_options(typed), words=typed.words
            )
            with RunDirectory.claim(asked.out or default_place(manifest), manifest) as directory:
                result = verdict(model, task, request.settings, donor=donor, progress=progress)
                files = verdict_files(result, manifest, **names)
                written = directory.finish(files)
        finally:
            model.close()
            if donor is not None:
                donor.close()
    if prints_json:
        sys.stdout.write(for_terminal(files[SUMMARY]))
    else:
        _show(result, written, **names, with_table=not is_quiet)


def _show(result: VerdictResult, written: tuple[Path, ...], *, model: str, task: str, with_table: bool) -> None:
    console = output_console()
    if with_table:
        console.print(verdict_table(result, model=model, task=task))
        console.print()
    console.print(verdict_text(result))
    if with_table:
        console.print()
        say_files(console, written)
