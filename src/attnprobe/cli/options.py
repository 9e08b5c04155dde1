"""The options of `attnprobe patch`: names, help, and nothing that takes time to import.

In: nothing. Out: annotated types for the command's signature. Values arrive as text and are read in `request`, where
the enums are that they must be members of; a test holds the choices listed here equal to those enums.
"""

from typing import Annotated

import typer

_MODEL, _TASK, _EDIT, _MEASURE, _OUTPUT = "Model", "Task", "What is done to each head", "What is measured", "Output"


def option(panel: str, *names: str, shows: str, says: str, default: str | None = None) -> object:
    """An option that takes a value.

    Args:
        panel: under which heading help lists it.
        names: as typed.
        shows: stands for its value in help.
        says: what it does.
        default: what help says of its default, where the signature does not.
    """
    return typer.Option(
        *names, metavar=shows, help=says, rich_help_panel=panel, show_default=True if default is None else default
    )


def model_option(default: str) -> object:
    """Which model, where the command has a default of its own."""
    return option(_MODEL, "--model", shows="MODEL", says="A hub name, a directory, or zoo:NAME.", default=default)


def count_option(generated: int) -> object:
    """How many examples, where the command generates a number of its own."""
    return option(_TASK, "-n", shows="N", says="How many examples.", default=f"{generated} of prontoqa, all of a file")


Model = Annotated[str | None, model_option("zoo:elimination-144k")]
Backend = Annotated[
    str,
    option(_MODEL, "--backend", shows="NAME", says="Runs the model: auto, native, transformer_lens or nnsight."),
]
Device = Annotated[
    str | None,
    option(
        _MODEL,
        "--device",
        shows="NAME",
        says="cpu, cuda, cuda:N, mps, or auto: spread over all there are.",
        default="the GPU if there is one",
    ),
]
Dtype = Annotated[
    str,
    option(
        _MODEL,
        "--dtype",
        shows="NAME",
        says="float32, float64, bfloat16, float16, or auto: float32 on a CPU, the checkpoint's elsewhere.",
    ),
]

TaskName = Annotated[
    str, option(_TASK, "--task", shows="NAME", says="prontoqa is generated; jsonl, csv and upstream are files.")
]
TaskFile = Annotated[str | None, option(_TASK, "--task-file", shows="FILE", says="For jsonl, csv and upstream.")]
Rule = Annotated[
    str,
    option(
        _TASK,
        "--rule",
        shows="NAME",
        says="Of prontoqa: implication_elimination, conjunction_introduction, conjunction_elimination, "
        "disjunction_introduction, disjunction_elimination, proof_by_contradiction, or composed: all in one proof.",
    ),
]
Hops = Annotated[str, option(_TASK, "--hops", shows="1..5", says="Of prontoqa: how often a proof uses the rule.")]
Shots = Annotated[
    str, option(_TASK, "--shots", shows="0..8", says="Of prontoqa: solved examples before each question.")
]
Distractors = Annotated[
    str,
    option(
        _TASK,
        "--distractors",
        shows="NAME",
        says="Of prontoqa: sentences that no proof needs, none, relevant or irrelevant.",
    ),
]
Count = Annotated[str | None, count_option(48)]

Intervention = Annotated[
    str,
    option(
        _EDIT,
        "--intervention",
        shows="NAME",
        says="mask, force, ablate, patch, scale or transplant, one head at a time.",
    ),
]
Keys = Annotated[
    str | None,
    option(
        _EDIT,
        "--keys",
        shows="NAME",
        says="mask, force: what may not be attended to, or must be: source_word, premise, premise_rest (the premise "
        "without the source word), token_match, or a span of the task.",
        default="source_word for mask, premise_rest for force",
    ),
]
Queries = Annotated[
    str | None,
    option(
        _EDIT,
        "--queries",
        shows="NAME",
        says="At which positions: predicting, all, or a span of the task.",
        default="predicting for mask and force, all for the others",
    ),
]
Heads = Annotated[str, option(_EDIT, "--heads", shows="L2H3,...", says="Which heads, or all.")]
Strength = Annotated[str, option(_EDIT, "--strength", shows="(0, 1]", says="mask: share of the attention removed.")]
Mass = Annotated[str, option(_EDIT, "--mass", shows="[0, 1]", says="force: share of the attention that the keys get.")]
Doses = Annotated[
    str | None,
    option(
        _EDIT,
        "--doses",
        shows="0.1,0.5,...",
        says="force: masses at which a dose curve is measured as well.",
        default="no curve",
    ),
]
Step = Annotated[
    str | None,
    option(
        _EDIT,
        "--step",
        shows="N",
        says="force: only the rows of this step of the proof, from 0.",
        default="all; the first with --readout later",
    ),
]
EmptyRow = Annotated[
    str,
    option(
        _EDIT,
        "--empty-row",
        shows="NAME",
        says="mask, force: raise, self or zero where a row has no keys for a part of its attention.",
    ),
]
AblationKind = Annotated[
    str, option(_EDIT, "--ablation", shows="NAME", says="ablate: zero, mean or resample in place of the output.")
]
SiteName = Annotated[
    str | None,
    option(
        _EDIT,
        "--site",
        shows="NAME",
        says="patch: z, pattern, q, k or v by head; attn_out, mlp_out or resid by layer. transplant: pattern or z.",
        default="z for patch, pattern for transplant",
    ),
]
Donor = Annotated[
    str | None,
    option(
        _EDIT,
        "--donor",
        shows="MODEL",
        says="transplant: the model whose attention is put in, of the same tokenizer, layers, heads and windows.",
        default="none",
    ),
]
DirectionName = Annotated[
    str, option(_EDIT, "--direction", shows="NAME", says="patch: clean_to_corrupted or corrupted_to_clean.")
]
UnequalSpans = Annotated[
    str,
    option(
        _EDIT,
        "--unequal-spans",
        shows="NAME",
        says="patch: last, mean or refuse, for spans with other tokens in number in the corrupted prompt.",
    ),
]
Factor = Annotated[str, option(_EDIT, "--factor", shows="NUMBER", says="scale: what the output is multiplied by.")]

MetricName = Annotated[
    str,
    option(_MEASURE, "--metric", shows="NAME", says="gold_logprob, logit_diff, kl, or recovery (patch, transplant)."),
]
Readout = Annotated[
    str,
    option(
        _MEASURE,
        "--readout",
        shows="NAME",
        says="force: which gold tokens are read: own, those that the forced rows predict, or later, those of the steps "
        "after the forced one.",
    ),
]
Control = Annotated[
    str | None,
    option(
        _MEASURE,
        "--control",
        shows="NAME",
        says="What the effect is compared with: random_keys or distance (mask, force), mass (mask), other_head or "
        "other_example (transplant), or none.",
        default="random_keys for mask and force; for transplant other_head, for z other_example",
    ),
]
Placebo = Annotated[
    bool,
    typer.Option(
        "--placebo",
        help="mask, force: draw the gold keys at random too; whatever is found then is false.",
        rich_help_panel=_MEASURE,
    ),
]
Seed = Annotated[str, option(_MEASURE, "--seed", shows="N", says="Of the task and of everything drawn.")]
BatchSize = Annotated[str, option(_MEASURE, "--batch-size", shows="N", says="Sequences in one forward pass.")]

Out = Annotated[
    str | None,
    option(
        _OUTPUT,
        "--out",
        shows="DIR",
        says="For results; the same configuration may run there again, no other.",
        default="attnprobe-runs/patch-HASH",
    ),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="Print summary.json and nothing else.", rich_help_panel=_OUTPUT),
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", help="No progress bar and no table, only the answer.", rich_help_panel=_OUTPUT),
]
