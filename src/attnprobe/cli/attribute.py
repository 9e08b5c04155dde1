"""`attnprobe attribute`: which heads, attention edges and paths carry a model's reasoning, from one backward pass.

In: options. Out: what `attribute_run` makes of them. Only the signature and the help stand here.
"""

import typer

from attnprobe.cli import attribute_options, options
from attnprobe.cli.typed import Typed


def attribute(
    context: typer.Context,
    model: options.Model = None,
    backend: options.Backend = "auto",
    device: options.Device = None,
    dtype: options.Dtype = "auto",
    task: options.TaskName = "prontoqa",
    task_file: options.TaskFile = None,
    rule: options.Rule = "implication_elimination",
    hops: options.Hops = "2",
    shots: options.Shots = "0",
    distractors: options.Distractors = "relevant",
    n: options.Count = None,
    target: attribute_options.TargetName = "heads",
    metric: attribute_options.Metric = "logit_diff",
    approximation: attribute_options.Approximation = "secant",
    integrated: attribute_options.Integrated = "0",
    top: attribute_options.Top = "20",
    confirm: attribute_options.Confirm = None,
    intervention: attribute_options.Intervention = None,
    keys: options.Keys = "source_word",
    queries: options.Queries = None,
    heads: options.Heads = "all",
    strength: options.Strength = "1",
    empty_row: options.EmptyRow = "raise",
    ablation: options.AblationKind = "zero",
    direction: options.DirectionName = "clean_to_corrupted",
    factor: options.Factor = "0",
    sender: attribute_options.Sender = "all",
    receiver: attribute_options.Receiver = "all",
    inputs: attribute_options.Inputs = "q,k,v,logits",
    mlps: attribute_options.MlpRule = "recomputed",
    seed: options.Seed = "0",
    batch_size: options.BatchSize = "64",
    out: attribute_options.Out = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Score heads or attention edges from one backward pass, or patch paths.

    Scores are guesses: the strongest are edited and run, with as many drawn at
    random, and how far scores and exact effects agree is said first.

    [bold]Examples[/bold]

    [cyan]attnprobe attribute -n 16[/cyan]

    [cyan]attnprobe attribute --target edges -n 8 --top 10[/cyan]

    [cyan]attnprobe attribute --target paths --sender L0H1 --receiver L2H2 -n 8[/cyan]
    """
    # here, not above: it loads torch, and `--help` should not wait for that
    from attnprobe.cli.attribute_run import run_attribute

    run_attribute(Typed.of(context))
