"""What is seen while a command runs: progress on standard error, results on standard output, libraries kept quiet.

In: whether to show anything. Out: a progress callback, and a context in which nothing else writes.
"""

import contextlib
import logging
import sys
import warnings
from collections.abc import Callable, Generator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

OnProgress = Callable[[int, int], None]


class _Rate(ProgressColumn):
    """Examples a second, or seconds an example where that is more telling."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        if not speed:
            return Text("", style="progress.data.speed")
        text = f"{speed:.1f}/s" if speed >= 1 else f"{1 / speed:.1f} s each"
        return Text(text, style="progress.data.speed")


@contextlib.contextmanager
def progress_bar(label: str, *, is_shown: bool) -> Generator[OnProgress | None]:
    """Show how far a sweep is, on standard error, where that is a terminal.

    Args:
        label: before the bar.
        is_shown: whether the user wants it.

    Yields:
        What to call with (done, in all); None where nothing is shown.
    """
    console = Console(stderr=True)
    if not is_shown or not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task(label, total=None)
        yield lambda done, total: progress.update(bar, completed=done, total=total)


@contextlib.contextmanager
def quiet_libraries() -> Generator[None]:
    """Keep libraries from writing: what they print goes to standard error, logs and warnings below errors nowhere.

    With `--json` standard output must hold JSON alone, and a user's mistake is answered by one line.
    """
    # loading what follows is loading a model library; it is about to be used
    from transformers.utils import logging as transformers_logging

    had_bars = transformers_logging.is_progress_bar_enabled()
    disabled_before = logging.root.manager.disable
    with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("ignore")
        logging.disable(max(disabled_before, logging.WARNING))
        transformers_logging.disable_progress_bar()
        try:
            yield
        finally:
            logging.disable(disabled_before)
            if had_bars:
                transformers_logging.enable_progress_bar()
