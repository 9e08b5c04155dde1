"""Where the command line begins: the commands, and what becomes of errors.

In: words of a command line. Out: an exit code: 0, 2 after a user's mistake (one line says what to do), 130 after
Ctrl-C. Anything else that goes wrong is a defect of ours and keeps its traceback.
"""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.core import TyperCommand, TyperGroup

from attnprobe.cli.attribute import attribute
from attnprobe.cli.eval import evaluate
from attnprobe.cli.judge import judge
from attnprobe.cli.models import models
from attnprobe.cli.overlap import overlap
from attnprobe.cli.patch import patch
from attnprobe.cli.score import score
from attnprobe.cli.steer import steer
from attnprobe.cli.threshold import threshold
from attnprobe.cli.verdict import verdict
from attnprobe.errors import AttnprobeError
from attnprobe.version import VERSION

PROGRAM = "attnprobe"
_USER_ERROR = 2
_INTERRUPTED = 130


class _Command(TyperCommand):
    # typer would hand over a plain context where the signature says `typer.Context`
    context_class = typer.Context


class _Group(TyperGroup):
    context_class = typer.Context


app = typer.Typer(
    name=PROGRAM,
    cls=_Group,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(cls=_Command)(patch)
app.command(cls=_Command)(attribute)
app.command(cls=_Command)(score)
app.command(cls=_Command)(steer)
app.command(cls=_Command)(verdict)
app.command("eval", cls=_Command)(evaluate)
app.command(cls=_Command)(judge)
app.command(cls=_Command)(overlap)
app.command(cls=_Command)(threshold)
app.command(cls=_Command)(models)


@app.callback(invoke_without_command=True)
def start(context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Show it.")] = False) -> None:
    """Does a model's attention cause its chain of thought to be right?

    Break it, move it, replace it, and measure what happens, against matched controls, with intervals.

    [bold]Example[/bold], about a minute on two cores, with a model that ships with the package:

    [cyan]attnprobe patch[/cyan]
    """
    if version:
        typer.echo(f"{PROGRAM} {VERSION}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(words: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
        words: without the program's name; those that the process was started with by default.

    Returns:
        The exit code.
    """
    given = tuple(sys.argv[1:] if words is None else words)
    try:
        code = app(list(given), prog_name=PROGRAM, standalone_mode=False, obj=given)
    except (AttnprobeError, typer.TyperException) as error:
        message = error.format_message() if isinstance(error, typer.TyperException) else str(error)
        return _say(f"error: {' '.join(message.split())}", _USER_ERROR)
    except typer.Abort:
        code = _INTERRUPTED
    if code == _INTERRUPTED:
        return _say("interrupted", _INTERRUPTED)
    return code if isinstance(code, int) else 0


def _say(line: str, code: int) -> int:
    # a terminal that cannot show a character shows its code: a message is never lost to its own text
    encoding = sys.stderr.encoding or "utf-8"
    sys.stderr.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    return code
