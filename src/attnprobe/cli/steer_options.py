"""The options of `attnprobe steer` that other commands do not have: names, help, nothing that loads a library.

In: nothing. Out: annotated types for the command's signature. Values arrive as text and are read in `steer_request`.
"""

from typing import Annotated

import typer

from attnprobe.cli.options import option

_EDIT, _ANSWERS, _OUTPUT = "What is done to each head", "How answers come about", "Output"

Intervention = Annotated[
    str, option(_EDIT, "--intervention", shows="NAME", says="mask, force, ablate, scale or transplant.")
]
Heads = Annotated[str, option(_EDIT, "--heads", shows="L2H3,...", says="Edited together; or all.")]
Keys = Annotated[
    str,
    option(
        _EDIT,
        "--keys",
        shows="NAME",
        says="mask, force: source_word, premise, premise_rest, token_match, or a span of the task.",
        default="source_word for mask, premise_rest for force",
    ),
]
Dynamic = Annotated[
    bool | None,
    typer.Option(
        "--dynamic/--static",
        help="mask, force: the keys of the gold token that comes next, as long as the text is the gold's; or all of "
        "them at every token. Default: dynamic for definitions, static for spans.",
        rich_help_panel=_EDIT,
        show_default=False,
    ),
]
Steps = Annotated[
    str | None,
    option(_EDIT, "--steps", shows="0,1,...", says="Dynamic keys: only in these steps of the gold.", default="all"),
]
Mass = Annotated[str, option(_EDIT, "--mass", shows="[0, 1]", says="force: share of the attention that the keys get.")]
AblationKind = Annotated[
    str, option(_EDIT, "--ablation", shows="NAME", says="ablate: zero or mean in place of the output.")
]
PromptToo = Annotated[
    bool,
    typer.Option(
        "--prompt-too",
        help="ablate, scale, transplant: at the prompt's positions as well.",
        rich_help_panel=_EDIT,
    ),
]
Donor = Annotated[
    str | None,
    option(_EDIT, "--donor", shows="MODEL", says="transplant: whose attention; it reads along token by token."),
]
Correctness = Annotated[
    str,
    option(_ANSWERS, "--correctness", shows="NAME", says="What makes a proof right: strict, contain, valid or exact."),
]
MaxNewTokens = Annotated[
    str | None,
    option(_ANSWERS, "--max-new-tokens", shows="N", says="The longest answer.", default="what the task asks for"),
]
DecodingName = Annotated[
    str,
    option(
        _ANSWERS,
        "--decoding",
        shows="NAME",
        says="cached: keys and values are kept; uncached: every token runs the whole text; auto.",
    ),
]
BatchSize = Annotated[
    str, option(_ANSWERS, "--batch-size", shows="N", says="Answers written together; halved where memory runs out.")
]
Out = Annotated[
    str | None,
    option(
        _OUTPUT,
        "--out",
        shows="DIR",
        says="For results; the same configuration may run there again, no other.",
        default="attnprobe-runs/steer-HASH",
    ),
]
