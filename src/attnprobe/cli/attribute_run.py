"""`attnprobe attribute`, carried out: load, claim a place, score, write, say what was found.

In: `Typed`. Out: files and a table. The order is such that a mistake costs as little time as it can.
"""

import sys
from pathlib import Path

from attnprobe.causal.attribution.attribute import attribute
from attnprobe.causal.attribution.result import AttributionResult
from attnprobe.cli.attribute_request import AttributeRequest
from attnprobe.cli.console import progress_bar, quiet_libraries
from attnprobe.cli.saying import for_terminal, given_options, output_console, say_files
from attnprobe.cli.typed import Typed
from attnprobe.models.load import load_model
from attnprobe.report.attribution_files import attribution_files, attribution_manifest
from attnprobe.report.attribution_table import attribution_table, attribution_text
from attnprobe.report.files import SUMMARY
from attnprobe.runs import RunDirectory, check_place, default_place, portable


def run_attribute(typed: Typed) -> None:
    """Do what was asked.

    Raises:
        AttnprobeError: anything that the user can mend.
    """
    request = AttributeRequest.of(typed)
    asked = request.run
    if asked.out is not None:
        check_place(asked.out)
    prints_json, is_quiet = typed.flag("json"), typed.flag("quiet")
    with quiet_libraries(), progress_bar(portable(asked.model), is_shown=not (prints_json or is_quiet)) as progress:
        task = asked.task()
        model = load_model(asked.model, **asked.loading)
        names = {"model": portable(asked.model), "task": portable(task.name)}
        try:
            manifest = attribution_manifest(
                model, task, request.settings, given=given_options(typed), words=typed.words
            )
            with RunDirectory.claim(asked.out or default_place(manifest), manifest) as directory:
                result = attribute(model, task, request.settings, progress=progress)
                files = attribution_files(result, manifest, **names)
                written = directory.finish(files)
        finally:
            model.close()
    if prints_json:
        sys.stdout.write(for_terminal(files[SUMMARY]))
    else:
        _show(result, written, **names, with_table=not is_quiet)


def _show(result: AttributionResult, written: tuple[Path, ...], *, model: str, task: str, with_table: bool) -> None:
    console = output_console()
    if with_table:
        console.print(attribution_table(result, model=model, task=task))
        console.print()
    console.print(attribution_text(result))
    if with_table:
        console.print()
        say_files(console, written)
