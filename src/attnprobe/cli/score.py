"""`attnprobe score`: how much attention goes to what a right chain of thought needs.

In: options. Out: what `score_run` makes of them. Only the signature and the help stand here.
"""

import typer

from attnprobe.cli import options, score_options
from attnprobe.cli.typed import Typed


def score(
    context: typer.Context,
    model: score_options.Model = None,
    backend: options.Backend = "auto",
    device: options.Device = None,
    dtype: options.Dtype = "auto",
    task: options.TaskName = "prontoqa",
    task_file: options.TaskFile = None,
    rule: options.Rule = "implication_elimination",
    hops: options.Hops = "2",
    shots: options.Shots = "0",
    distractors: options.Distractors = "relevant",
    n: score_options.Count = None,
    protocol: score_options.Protocol = "aligned",
    normalise: score_options.Normalise = "direct",
    keys: score_options.Keys = None,
    layers: score_options.Layers = "all",
    first_key: score_options.FirstKey = "first_token",
    sink_share: score_options.SinkShare = "0.2",
    impl: score_options.Impl = "auto",
    categories: score_options.Categories = "none",
    correctness: score_options.Correctness = None,
    seed: options.Seed = "0",
    batch_size: options.BatchSize = "8",
    out: score_options.Out = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Score each head's attention on the tokens that a right proof needs.

    With no options: in a small model that ships with the package, the share of
    attention that goes from the positions that predict gold words to the words
    they come from, against three nulls, and split by whether the model's own
    proof is right.

    [bold]Examples[/bold]

    [cyan]attnprobe score --normalise samrank --keys token_match -n 8[/cyan]

    [cyan]attnprobe score --categories grammar -n 8[/cyan]

    [cyan]attnprobe score --protocol paper --shots 3 -n 8[/cyan]
    """
    # here, not above: it loads torch, and `--help` should not wait for that
    from attnprobe.cli.score_run import run_score

    run_score(Typed.of(context))
