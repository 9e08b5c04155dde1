"""What a model lets its queries see, held against what its config says.

In: an attention call of a pass. Out: nothing, or an error: whoever makes masks from the config
must know that the model would make the same.
"""

import torch

from attnprobe.errors import ModelError
from attnprobe.models.attention_call import AttentionCall, UnmadeMask
from attnprobe.models.passes import visible_keys
from attnprobe.plan import Tokens
from attnprobe.shapes import Visible


def check_visible(tokens: Tokens, window: int | None, layer: int, call: AttentionCall) -> None:
    """Hold the mask of a call against causality, padding and the window of its layer.

    Args:
        tokens: the batch that runs.
        window: of the layer, by the config.
        layer: which layer, for the message.
        call: with the model's own mask, or what stands in its place.

    Raises:
        ModelError: they differ.
    """
    width = tokens.width
    if isinstance(call.mask, UnmadeMask):
        fits = (call.mask.window or width) == min(window or width, width)
    elif call.mask is None:
        fits = call.is_causal and not any(tokens.starts) and (window is None or window >= width)
    else:
        visible = call.visible()
        expected = visible_keys(tokens, window).to(visible.device)
        fits = visible.shape == expected.shape and (
            torch.equal(visible, expected) or _agree_at_tokens(visible, expected, tokens)
        )
    if not fits:
        raise ModelError(
            f"layer {layer}: the mask that the model passes to its attention is not causal with "
            f"{_describe(window)}, as its config says; this model cannot be served."
        )


def _agree_at_tokens(visible: Visible, expected: Visible, tokens: Tokens) -> bool:
    """Whether two masks let the queries that are no padding see the same."""
    is_token = tokens.attention_mask()[:, None, tokens.cached :].bool().to(visible.device)
    return torch.equal(visible[is_token], expected[is_token])


def _describe(window: int | None) -> str:
    return "no window" if window is None else f"a window of {window} tokens"
