"""The options of `attnprobe patch` that edit several heads at once: names, help, and nothing that takes time to import.

In: nothing. Out: annotated types for the command's signature. Values are read in `set_request`.
"""

from typing import Annotated

import typer

from attnprobe.cli.options import option

_SETS = "Several heads at once"

Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="L1H2,L2H2",
        help="Edit these heads together, or all; may be given several times.",
        rich_help_panel=_SETS,
    ),
]
TopHeads = Annotated[
    str | None,
    option(
        _SETS,
        "--top-k",
        shows="1,2,4,...",
        says="Edit as many of the heads together that do most alone; half of the examples rank them, the others test.",
        default="none",
    ),
]
Greedy = Annotated[
    str | None,
    option(
        _SETS,
        "--greedy",
        shows="N",
        says="Add up to N heads one by one, each the one that does most beside those before it; chosen and tested on "
        "different halves.",
        default="none",
    ),
]
MinGain = Annotated[
    str, option(_SETS, "--min-gain", shows="NUMBER", says="--greedy ends before a head that adds less than this.")
]
AllBut = Annotated[
    bool,
    typer.Option("--all-but", help="Edit every head but those of the set: does it suffice?", rich_help_panel=_SETS),
]
RandomSets = Annotated[
    str,
    option(
        _SETS,
        "--random-sets",
        shows="N",
        says="How many random sets of as many heads of the same layers stand beside each set.",
    ),
]
