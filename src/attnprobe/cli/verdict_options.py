"""The options of `attnprobe verdict` that other commands do not have: names, help, nothing that loads a library.

In: nothing. Out: annotated types for the command's signature. Values arrive as text and are read in `verdict_request`.
"""

from typing import Annotated

import typer

from attnprobe.cli.options import model_option, option

_TASK, _ATTENTION, _TESTS, _OUTPUT = "Task", "Whose attention", "What is tested", "Output"

Model = Annotated[str | None, model_option("zoo:pronto-65k")]
Count = Annotated[
    str | None,
    option(
        _TASK,
        "-n",
        shows="N",
        says="How many examples; half of them choose heads, half are tested.",
        default="320 (quick) or 1280 (full) of prontoqa, all of a file",
    ),
]
Preset = Annotated[
    str,
    option(
        _TESTS,
        "--preset",
        shows="NAME",
        says="quick: 320 examples, doses .25 .5 .75. full: 1280 examples, doses .1 .25 .5 .75 .9 1.",
    ),
]
Heads = Annotated[
    str,
    option(
        _ATTENTION,
        "--heads",
        shows="NAME",
        says="aligned: heads that attend to the gold keys, found on half of the examples. strongest: as many whose "
        "masking does most, found there too. all, or L2H3,...: every example is tested.",
    ),
]
Keys = Annotated[
    str,
    option(
        _ATTENTION,
        "--keys",
        shows="NAME",
        says="The gold source keys: source_word, premise, token_match, or a span of the task.",
    ),
]
Margin = Annotated[
    str,
    option(
        _ATTENTION,
        "--margin",
        shows="(0, 1)",
        says="aligned: attention mass on the gold keys beyond that on as many random keys.",
    ),
]
Dose = Annotated[
    str,
    option(_TESTS, "--dose", shows="(0, 1]", says="Mass to force, on which sufficiency rests; one of the preset's."),
]
Donor = Annotated[
    str | None,
    option(
        _TESTS,
        "--donor",
        shows="MODEL",
        says="Put the attention patterns of another model of this shape and tokenizer in, too.",
        default="none",
    ),
]
Answers = Annotated[
    bool,
    typer.Option(
        "--answers/--no-answers",
        help="Let the model write proofs; without, what needs them is not tested.",
        rich_help_panel=_TESTS,
    ),
]
Correctness = Annotated[
    str,
    option(_TESTS, "--correctness", shows="NAME", says="What makes a proof right: strict, contain, valid or exact."),
]
EmptyRow = Annotated[
    str,
    option(_TESTS, "--empty-row", shows="NAME", says="raise, self or zero where a row would be left without keys."),
]
MinNats = Annotated[str, option(_TESTS, "--min-nats", shows="NATS", says="Smallest change of log p that counts.")]
MinAccuracy = Annotated[
    str,
    option(_TESTS, "--min-accuracy", shows="SHARE", says="Smallest change of the share of right proofs that counts."),
]
MinAuroc = Annotated[str, option(_TESTS, "--min-auroc", shows="(.5, 1)", says="Smallest AUROC that counts.")]
MinRecovery = Annotated[
    str, option(_TESTS, "--min-recovery", shows="SHARE", says="Smallest recovery of a corrupted run that counts.")
]
Placebo = Annotated[
    bool,
    typer.Option(
        "--placebo",
        help="Draw the gold keys at random too; whatever is supported then is false.",
        rich_help_panel=_TESTS,
    ),
]
Out = Annotated[
    str | None,
    option(
        _OUTPUT,
        "--out",
        shows="DIR",
        says="For results; the same configuration may run there again, no other.",
        default="attnprobe-runs/verdict-HASH",
    ),
]
