"""Attention between named spans and between sentences.

In: a model and a task. Out: `SpanResult`. Spans and sentences are columns of one product a layer; nothing of size T x T
is kept.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

from attnprobe.attention.groups import chunks, impl_name, key_mass, layers_of, mean_mass
from attnprobe.attention.settings import ScoreSettings
from attnprobe.attention.span_frames import span_result
from attnprobe.attention.span_result import SpanResult
from attnprobe.attention.span_subject import SpanLayer, SpanSubject, span_names, span_subject
from attnprobe.models.alignment import align_all
from attnprobe.models.model import Model
from attnprobe.plan import LayerAttention, Plan, Stream, Tokens
from attnprobe.tasks import Task, TextTokenizer

Progress = Callable[[int, int], None]


def score_spans(
    model: Model, task: Task, settings: ScoreSettings | None = None, *, progress: Progress | None = None
) -> SpanResult:
    """Measure which spans and which sentences every head attends to, and whether answers attend to their licences.

    Args:
        model: any backend.
        task: any; its examples are the unit of every statistic.
        settings: layers, first key, seed, batch size and kernels; what it says of keys and normalisation plays no part.
            With `FirstKey.FIRST_TOKEN` the first token is a span of its own and in no other.
        progress: called with (examples done, examples in all).

    Raises:
        SpecError: a layer does not exist, an example is longer than the model's context, or a span has a name of ours.

    Source: ours.
    """
    settings = settings or ScoreSettings()
    layers = layers_of(settings, model.dims.n_layers)
    aligned = align_all(model, task)
    # `align_all` has made sure that there is one
    tokenizer = cast(TextTokenizer, model.tokenizer)
    names = span_names(aligned, settings)
    subjects = [span_subject(one, tokenizer, names, settings) for one in aligned]
    found: list[tuple[SpanLayer, ...]] = []
    for batch in chunks(len(subjects), settings.batch_size):
        chosen = [subjects[index] for index in batch]
        statistic = partial(_layer, chosen, settings)
        streams = tuple(Stream(layer=layer, statistic=statistic) for layer in layers)
        tokens = Tokens.of([subject.aligned.ids for subject in chosen])
        run = model.forward(tokens, Plan(streams=streams, last_logits=0))
        found.extend(zip(*run.streamed, strict=True))
        if progress is not None:
            progress(batch.stop, len(subjects))
    windows = [model.dims.windows[layer] for layer in layers]
    return span_result(
        settings=settings,
        spans=names,
        layers=layers,
        windows=windows,
        subjects=subjects,
        found=found,
        n_heads=len(model.dims.heads),
    )


def _layer(
    subjects: Sequence[SpanSubject], settings: ScoreSettings, attention: LayerAttention
) -> tuple[SpanLayer, ...]:
    groups = [subject.groups for subject in subjects]
    means = mean_mass(attention, groups, key_mass(attention, groups, settings.impl))
    impl = impl_name(attention, settings.impl)
    return tuple(
        SpanLayer(
            spans=mass[:, : subject.n_spans, : subject.n_spans],
            sentences=mass[:, subject.n_spans :, subject.n_spans :],
            impl=impl,
        )
        for subject, mass in zip(subjects, means, strict=True)
    )
