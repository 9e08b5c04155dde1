"""What a model lets its queries see, held against what its config says.

In: an attention call of a pass over whole sequences. Out: nothing, or an error: whoever makes masks from the config
must know that the model would make the same.
"""

import torch

from attnprobe.errors import ModelError
from attnprobe.models.attention_call import AttentionCall, UnmadeMask
from attnprobe.models.passes import visible_keys
from attnprobe.plan import Tokens


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
        visible, is_token = call.visible(), tokens.attention_mask().bool().to(call.query.device)
        expected = visible_keys(tokens, window).to(visible.device)
        fits = visible.shape == expected.shape and torch.equal(visible[is_token[:, None]], expected[is_token[:, None]])
    if not fits:
        raise ModelError(
            f"layer {layer}: the mask that the model passes to its attention is not causal with "
            f"{_describe(window)}, as its config says; this model cannot be served."
        )


def _describe(window: int | None) -> str:
    return "no window" if window is None else f"a window of {window} tokens"
