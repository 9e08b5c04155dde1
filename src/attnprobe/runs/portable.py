"""Arguments as they may be shown to others: without the directories and user names of one machine.

In: words of a command line, names of models and files. Out: the same, with absolute paths made relative or cut.
"""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path, PurePath, PureWindowsPath

_ELSEWHERE = "PATH/TO"


def portable(text: str) -> str:
    """Write a path without the machine it is on.

    Args:
        text: anything; only absolute paths are changed.

    Returns:
        A path below the working directory relative to it; of any other absolute path the last part, behind `PATH/TO`.
    """
    if text.startswith("~"):
        text = os.path.expanduser(text)
    if Path(text).is_absolute():
        normal = PurePath(os.path.normpath(text))
        here = Path.cwd()
        return normal.relative_to(here).as_posix() if normal.is_relative_to(here) else _elsewhere(normal)
    windows = PureWindowsPath(text)
    return _elsewhere(windows) if windows.drive and windows.is_absolute() else text


def repeat_command(words: Sequence[str]) -> str:
    """Write the command that repeats a run, ready to paste into a shell.

    Args:
        words: of the command line, the program's name first.
    """
    return shlex.join(_portable_word(word) for word in words)


def _portable_word(word: str) -> str:
    if word.startswith("--") and "=" in word:
        option, value = word.split("=", 1)
        return f"{option}={portable(value)}"
    return portable(word)


def _elsewhere(path: PurePath) -> str:
    return f"{_ELSEWHERE}/{path.name}" if path.name else _ELSEWHERE
