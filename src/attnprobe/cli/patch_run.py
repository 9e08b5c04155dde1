"""`attnprobe patch`, carried out: load, claim a place, measure, write, say what was found.

In: `Typed`. Out: files and a table. The order is such that a mistake costs as little time as it can.
"""

import sys
from pathlib import Path

from attnprobe.causal.measure import patch_heads
from attnprobe.causal.result import PatchResult
from attnprobe.cli.console import progress_bar, quiet_libraries
from attnprobe.cli.request import PatchRequest
from attnprobe.cli.saying import for_terminal, given_options, output_console, say_files
from attnprobe.cli.set_run import run_sets
from attnprobe.cli.typed import Typed
from attnprobe.models.load import load_model
from attnprobe.report.files import SUMMARY, patch_files
from attnprobe.report.keep import patch_manifest
from attnprobe.report.table import finding_text, head_table
from attnprobe.runs import RunDirectory, check_place, default_place, portable


def run_patch(typed: Typed) -> None:
    """Do what was asked.

    Raises:
        AttnprobeError: anything that the user can mend.
    """
    request = PatchRequest.of(typed)
    asked = request.run
    if asked.out is not None:
        check_place(asked.out)
    if request.sets is not None:
        run_sets(typed, asked, request.sets, donor=request.donor)
        return
    prints_json, is_quiet = typed.flag("json"), typed.flag("quiet")
    with quiet_libraries(), progress_bar(portable(asked.model), is_shown=not (prints_json or is_quiet)) as progress:
        task = asked.task()
        model = load_model(asked.model, **asked.loading)
        donor = None if request.donor is None else load_model(request.donor, **asked.loading)
        names = {"model": portable(asked.model), "task": portable(task.name)}
        try:
            manifest = patch_manifest(
                model, task, request.settings, donor=donor, given=given_options(typed), words=typed.words
            )
            with RunDirectory.claim(asked.out or default_place(manifest), manifest) as directory:
                result = patch_heads(model, task, request.settings, donor=donor, progress=progress)
                files = patch_files(result, task.examples, manifest, **names)
                written = directory.finish(files)
        finally:
            model.close()
            if donor is not None:
                donor.close()
    if prints_json:
        sys.stdout.write(for_terminal(files[SUMMARY]))
    else:
        _show(result, written, **names, with_table=not is_quiet)


def _show(result: PatchResult, written: tuple[Path, ...], *, model: str, task: str, with_table: bool) -> None:
    console = output_console()
    if with_table:
        console.print(head_table(result, model=model, task=task))
        console.print()
    console.print(finding_text(result))
    if with_table:
        console.print()
        say_files(console, written)
