"""The options of `attnprobe attribute` that `attnprobe patch` does not have, or words otherwise.

In: nothing. Out: annotated types for the command's signature. Values arrive as text and are read in
`attribute_request`; a test holds the choices listed here equal to the enums there.
"""

from typing import Annotated

from attnprobe.cli.options import option

_SCORE, _EDIT, _PATHS, _OUTPUT = "What is scored", "What is done to each head", "Paths", "Output"

TargetName = Annotated[
    str,
    option(
        _SCORE,
        "--target",
        shows="NAME",
        says="heads, edges (layer, head, query, key), or paths from head to head, which are exact.",
    ),
]
Metric = Annotated[
    str,
    option(
        _SCORE,
        "--metric",
        shows="NAME",
        says="logit_diff or gold_logprob, which is flat where a model is sure: use --integrated with it.",
    ),
]
Approximation = Annotated[
    str,
    option(
        _SCORE,
        "--approximation",
        shows="NAME",
        says="heads under mask: secant, the exact output of the mask; or derivative, in its strength.",
    ),
]
Integrated = Annotated[
    str, option(_SCORE, "--integrated", shows="N", says="Steps of integrated gradients; 0: the plain derivative.")
]
Top = Annotated[str, option(_SCORE, "--top", shows="N", says="How many edges of each example are kept.")]
Confirm = Annotated[
    str | None,
    option(
        _SCORE,
        "--confirm",
        shows="N",
        says="How many of the strongest are run exactly, and as many drawn at random; 0 for none.",
        default="32 heads (all, where that covers them), 8 edges an example",
    ),
]

Intervention = Annotated[
    str | None,
    option(
        _EDIT,
        "--intervention",
        shows="NAME",
        says="mask, ablate, patch (the output z) or scale; edges are masked.",
        default="mask, for paths ablate",
    ),
]

Sender = Annotated[str, option(_PATHS, "--sender", shows="L0H1,...", says="Which heads are edited, or all.")]
Receiver = Annotated[
    str, option(_PATHS, "--receiver", shows="L1H2,...", says="Which heads are looked at in later layers, or all.")
]
Inputs = Annotated[
    str,
    option(_PATHS, "--inputs", shows="q,k,...", says="By which inputs: q, k, v, or logits: straight to the logits."),
]
MlpRule = Annotated[
    str, option(_PATHS, "--mlps", shows="NAME", says="MLPs between sender and receiver: recomputed or frozen.")
]

Out = Annotated[
    str | None,
    option(
        _OUTPUT,
        "--out",
        shows="DIR",
        says="For results; the same configuration may run there again, no other.",
        default="attnprobe-runs/attribute-HASH",
    ),
]
