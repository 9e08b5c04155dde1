"""Progress is seen on a terminal and nowhere else; libraries are kept quiet and left as they were."""

import contextlib
import io
import logging
import sys
import warnings

import pytest
from rich.console import Console
from transformers.utils import logging as transformers_logging

from attnprobe.cli import console as console_module
from attnprobe.cli.console import progress_bar, quiet_libraries


def test_a_bar_shows_how_far_it_is_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = io.StringIO()
    terminal = Console(file=sink, force_terminal=True, width=100)
    monkeypatch.setattr(console_module, "Console", lambda stderr: terminal)

    with progress_bar("zoo:demo", is_shown=True) as progress:
        assert progress is not None
        progress(3, 8)

    assert "zoo:demo" in sink.getvalue()
    assert "3/8" in sink.getvalue()


@pytest.mark.parametrize(("is_terminal", "is_shown"), [(False, True), (True, False)])
def test_without_a_terminal_or_when_not_wanted_there_is_none(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool, is_shown: bool
) -> None:
    sink = io.StringIO()
    monkeypatch.setattr(console_module, "Console", lambda stderr: Console(file=sink, force_terminal=is_terminal))

    with progress_bar("zoo:demo", is_shown=is_shown) as progress:
        assert progress is None
    assert sink.getvalue() == ""


def test_what_libraries_print_log_and_warn_does_not_reach_standard_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with quiet_libraries():
        sys.stdout.write("loading ...\n")
        logging.getLogger("library").warning("deprecated")
        warnings.warn("old", DeprecationWarning, stacklevel=1)

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "loading ...\n"


def test_errors_are_still_logged_and_everything_is_as_it_was_afterwards(caplog: pytest.LogCaptureFixture) -> None:
    before = (logging.root.manager.disable, transformers_logging.is_progress_bar_enabled(), sys.stdout)
    with contextlib.suppress(ZeroDivisionError), quiet_libraries():
        logging.getLogger("library").error("broken")
        raise ZeroDivisionError

    assert "broken" in caplog.text
    assert (logging.root.manager.disable, transformers_logging.is_progress_bar_enabled(), sys.stdout) == before
