"""The command line: one thin file a command, no logic of its own.

In: words. Out: a table, files, an exit code. Importing this loads no model library, so that help is there at once.
"""

from attnprobe.cli.entry import app, main

__all__ = ["app", "main"]
