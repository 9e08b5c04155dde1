"""The options of `attnprobe eval` that `attnprobe patch` does not have: names, help, nothing that takes time to import.

In: nothing. Out: annotated types for the command's signature. Values arrive as text and are read in `eval_request`; a
test holds the choices listed here equal to the enums there.
"""

from typing import Annotated

import typer

from attnprobe.cli.options import model_option, option

_MODEL, _TASK, _ANSWERS, _OUTPUT = "Model", "Task", "How answers come about", "Output"

Model = Annotated[str | None, model_option("zoo:pronto-1374k")]
Tokenizer = Annotated[
    str | None,
    option(_MODEL, "--tokenizer", shows="NAME", says="A hub name or directory.", default="the model's own"),
]
Revision = Annotated[
    str | None, option(_MODEL, "--revision", shows="NAME", says="Of a hub model: branch, tag, commit.")
]
TrustRemoteCode = Annotated[
    bool,
    typer.Option("--trust-remote-code", help="Let Python code run that comes with the model.", rich_help_panel=_MODEL),
]
Family = Annotated[
    str | None,
    option(
        _MODEL,
        "--family",
        shows="NAME",
        says="What models that differ in size alone are called, for attnprobe threshold.",
        default="zoo, or the architecture's name",
    ),
]

TaskName = Annotated[
    str,
    option(_TASK, "--task", shows="NAME", says="prontoqa is generated, or a file; csqa, gsm8k and jsonl are data."),
]
Data = Annotated[
    str | None,
    option(
        _TASK,
        "--data",
        shows="SOURCE",
        says="Of jsonl: the file. Of csqa and gsm8k: a hub name, a directory or a file. Of prontoqa: a .json of "
        "upstream's generator or a .csv of the authors, in place of generated questions.",
    ),
]
Split = Annotated[
    str | None,
    option(_TASK, "--split", shows="NAME", says="Of csqa and gsm8k.", default="validation of csqa, test of gsm8k"),
]
Rules = Annotated[
    str,
    option(
        _TASK,
        "--rule",
        shows="NAME,...",
        says="Of prontoqa: all six, or any of implication_elimination, conjunction_introduction, "
        "conjunction_elimination, disjunction_introduction, disjunction_elimination, proof_by_contradiction, and "
        "composed: all in one proof.",
    ),
]
Hops = Annotated[
    str, option(_TASK, "--hops", shows="1,2,...", says="Of prontoqa: how often a proof uses its rule, each 1 to 5.")
]
Distractors = Annotated[
    str, option(_TASK, "--distractors", shows="NAME,...", says="Of prontoqa: any of none, relevant and irrelevant.")
]
Side = Annotated[
    str,
    option(
        _TASK,
        "--side",
        shows="NAME",
        says="Of prontoqa: problems that the zoo was trained on, or not: test, train, both.",
    ),
]
Measure = Annotated[
    str,
    option(
        _TASK, "--measure", shows="NAME", says="Of prontoqa: what makes a proof right: strict, contain, valid or exact."
    ),
]
Shots = Annotated[
    str | None,
    option(
        _TASK,
        "--shots",
        shows="N",
        says="Solved examples before each question; 0 to 8 of prontoqa.",
        default="0 of prontoqa, all there are of csqa and gsm8k",
    ),
]
Exemplars = Annotated[
    str | None,
    option(_TASK, "--exemplars", shows="FILE", says="Of csqa and gsm8k: solved examples.", default="our own"),
]
Prompts = Annotated[
    str | None,
    option(
        _TASK,
        "--prompt-format",
        shows="NAME",
        says="Of csqa and gsm8k: paper, cued (ends in A:), or of gsm8k bare (the question alone).",
        default="paper",
    ),
]
Match = Annotated[
    str | None,
    option(
        _TASK,
        "--match",
        shows="NAME",
        says="Of jsonl: how answers are read where a line does not say: exact, last_number, choice or regex.",
        default="choice where there are choices, else exact",
    ),
]
Count = Annotated[
    str | None,
    option(
        _TASK,
        "-n",
        shows="N",
        says="How many questions; of prontoqa, of each combination of rule, hops and distractors.",
        default="20 each of prontoqa, all of data",
    ),
]

Decoding = Annotated[
    str,
    option(
        _ANSWERS,
        "--decoding",
        shows="NAME",
        says="plain; or paper: greedy with repetition_penalty 1e-4, as all numbers of arXiv 2502.15120.",
    ),
]
Samples = Annotated[
    str, option(_ANSWERS, "--samples", shows="N", says="Answers drawn for each question; 0 for one greedy answer.")
]
Temperature = Annotated[str, option(_ANSWERS, "--temperature", shows="NUMBER", says="Of samples.")]
Seed = Annotated[str, option(_ANSWERS, "--seed", shows="N", says="Of generated questions and of samples.")]
MaxNewTokens = Annotated[
    str | None,
    option(_ANSWERS, "--max-new-tokens", shows="N", says="The longest answer.", default="what the task asks for"),
]
Stop = Annotated[
    str | None,
    option(
        _ANSWERS,
        "--stop",
        shows="TEXT|...",
        says="Texts that end an answer, set apart by |; \\n is a line break. An empty one: no such text.",
        default="what the task asks for",
    ),
]
ChatTemplate = Annotated[
    bool,
    typer.Option(
        "--chat-template",
        help="Put each prompt as a user's message in the model's chat format.",
        rich_help_panel=_ANSWERS,
    ),
]
BatchSize = Annotated[
    str, option(_ANSWERS, "--batch-size", shows="N", says="Sequences at once; halved where memory runs out.")
]

Interval = Annotated[
    str, option(_OUTPUT, "--interval", shows="NAME", says="95% interval: wilson, or exact (Clopper and Pearson).")
]
Out = Annotated[
    str | None,
    option(
        _OUTPUT,
        "--out",
        shows="DIR",
        says="For results; the same configuration may run there again, no other.",
        default="attnprobe-runs/eval-HASH",
    ),
]
