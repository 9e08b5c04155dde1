"""The options of `attnprobe score` that `attnprobe patch` does not have: names, help, nothing that loads a library.

In: nothing. Out: annotated types for the command's signature. Values arrive as text and are read in `score_request`; a
test holds the choices listed here equal to the enums there.
"""

from typing import Annotated

from attnprobe.cli.options import count_option, model_option, option

_SCORE, _BESIDE, _OUTPUT = "How attention is scored", "Beside the scores", "Output"

Model = Annotated[str | None, model_option("zoo:pronto-65k")]
Count = Annotated[str | None, count_option(96)]

Protocol = Annotated[
    str,
    option(
        _SCORE,
        "--protocol",
        shows="NAME",
        says="aligned: every head, against nulls. paper: arXiv 2502.15120 to the digit, quirks included.",
    ),
]
Normalise = Annotated[
    str,
    option(
        _SCORE,
        "--normalise",
        shows="NAME",
        says="What a key's score is. A mass from the predicting position: direct, renormalised, value_weighted, "
        "rollout. What a key receives and gives within the prefix: samrank (the paper's), global, proportional, sum, "
        "rank, sink_removed.",
    ),
]
Keys = Annotated[
    str | None,
    option(
        _SCORE,
        "--keys",
        shows="NAME",
        says="Attention to what: source_word, premise, premise_rest, token_match, or a span of the task.",
        default="source_word; token_match for a file without sources",
    ),
]
Layers = Annotated[
    str, option(_SCORE, "--layers", shows="0,3,5-7", says="Which layers, counted from 0; or all, or last.")
]
FirstKey = Annotated[
    str,
    option(
        _SCORE,
        "--first-key",
        shows="NAME",
        says="Which first key does not count: first_token, bos (only if the tokenizer added it), none.",
    ),
]
SinkShare = Annotated[
    str,
    option(
        _SCORE,
        "--sink-share",
        shows="(0, 1]",
        says="sink_removed and renormalised: a key that takes more of the mass does not count.",
    ),
]
Impl = Annotated[
    str, option(_SCORE, "--impl", shows="NAME", says="Which kernels compute: auto, reference, torch or triton.")
]

Categories = Annotated[
    str,
    option(
        _BESIDE,
        "--categories",
        shows="NAME",
        says="Attention by part of speech and by sentence: none, or who tags the words: auto, grammar (of generated "
        "proofs), spacy, textblob.",
    ),
]
Correctness = Annotated[
    str | None,
    option(
        _BESIDE,
        "--correctness",
        shows="NAME",
        says="Let the model write each proof too, and compare scores where it is right with those where it is wrong: "
        "strict, contain, valid, exact, or none, which saves the time that writing takes.",
        default="strict for generated proofs, none for files",
    ),
]

Out = Annotated[
    str | None,
    option(
        _OUTPUT,
        "--out",
        shows="DIR",
        says="For results; the same configuration may run there again, no other.",
        default="attnprobe-runs/score-HASH",
    ),
]
