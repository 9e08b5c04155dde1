"""Tokenizers of every family, built in memory from our own text: nothing is downloaded."""

import json
from functools import cache

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizer, PreTrainedTokenizerFast

from attnprobe.tasks.prontoqa.distractors import Distractors
from attnprobe.tasks.prontoqa.foils import POOLS
from attnprobe.tasks.prontoqa.generate import ProntoqaSpec, page_at
from attnprobe.tasks.prontoqa.rules import Rule
from attnprobe.tasks.prontoqa.vocabulary import plural

BYTES = [f"<0x{value:02X}>" for value in range(256)]


@cache
def corpus() -> tuple[str, ...]:
    pages = (
        page_at(ProntoqaSpec(rule=rule, distractors=distractors, seed=99), index)
        for rule in Rule
        for distractors in Distractors
        for index in range(40)
    )
    words = [form for kind in POOLS.values() for word in kind for form in (word, plural(word))]
    # capitals too: a word-level tokenizer knows only forms that it has seen
    return (*(page.prompt + page.gold for page in pages), " ".join([*words, *map(str.capitalize, words)]))


@cache
def byte_bpe() -> PreTrainedTokenizerFast:
    """Like GPT-2: bytes, pieces that begin with a space (`Ġw`), no special token added."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=alphabet, special_tokens=["<|endoftext|>"], show_progress=False
    )
    made.train_from_iterator(corpus(), trainer)
    return PreTrainedTokenizerFast(tokenizer_object=made, unk_token="<|endoftext|>", bos_token="<|endoftext|>")


@cache
def sentencepiece_unigram(*, splits_marks: bool = True) -> PreTrainedTokenizerFast:
    """Like T5 or XLM: a unigram model over `▁w`, byte fallback; here with a BOS in front and an EOS behind."""
    made = Tokenizer(models.Unigram())
    steps = [pre_tokenizers.Metaspace()]
    if splits_marks:
        steps.append(pre_tokenizers.Split(Regex(r"[.,:\n]"), "isolated"))
    made.pre_tokenizer = pre_tokenizers.Sequence(steps)
    trainer = trainers.UnigramTrainer(
        vocab_size=420, special_tokens=["<unk>", "<s>", "</s>", *BYTES], unk_token="<unk>", show_progress=False
    )
    made.train_from_iterator(corpus(), trainer)
    return _sentencepiece(made, eos=True)


@cache
def sentencepiece_bpe() -> PreTrainedTokenizerFast:
    """Like Llama: merges over a text whose spaces are `▁`, one put in front, byte fallback, a BOS in front."""
    made = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    # training alone sees words apart; the finished tokenizer, like Llama's, has no pre-tokenizer
    made.pre_tokenizer = pre_tokenizers.Split(Regex(r"▁?\w+|[^\w▁]"), "isolated")
    special = ["<unk>", "<s>", "</s>", *BYTES]
    trainer = trainers.BpeTrainer(vocab_size=560, special_tokens=special, show_progress=False)
    made.train_from_iterator(corpus(), trainer)
    made.pre_tokenizer = None
    return _sentencepiece(made, eos=False)


def _sentencepiece(made: Tokenizer, *, eos: bool) -> PreTrainedTokenizerFast:
    state = json.loads(made.to_str())
    state["model"]["byte_fallback"] = True
    # the bytes are ordinary pieces, not special tokens to be found in text
    state["added_tokens"] = [token for token in state["added_tokens"] if token["content"] not in BYTES]
    made = Tokenizer.from_str(json.dumps(state))
    parts = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    made.decoder = decoders.Sequence(parts)
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>" if eos else "<s> $A", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=made, unk_token="<unk>", bos_token="<s>", eos_token="</s>")


@cache
def word_level() -> PreTrainedTokenizerFast:
    """One token a word or mark, white space dropped."""
    made = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("isolated")]
    )
    made.train_from_iterator(
        corpus(), trainers.WordLevelTrainer(special_tokens=["[UNK]", "[BOS]"], show_progress=False)
    )
    made.post_processor = processors.TemplateProcessing(single="[BOS] $A", special_tokens=[("[BOS]", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=made, unk_token="[UNK]", bos_token="[BOS]")


class SlowBytes(PreTrainedTokenizer):
    """One token a byte, in Python, without offsets; `shouts` writes everything in capitals when decoding."""

    def __init__(self, *, shouts: bool = False, **options: object) -> None:
        self._shouts = shouts
        super().__init__(eos_token="</s>", **options)

    @property
    def vocab_size(self) -> int:
        return 256

    def get_vocab(self) -> dict[str, int]:
        return {chr(value): value for value in range(256)} | dict(self.added_tokens_encoder)

    def _tokenize(self, text: str, **_: object) -> list[str]:
        return [chr(value) for value in text.encode()]

    def _convert_token_to_id(self, token: str) -> int:
        return ord(token)

    def _convert_id_to_token(self, index: int) -> str:
        return chr(index)

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        text = bytes(ord(token) for token in tokens).decode(errors="replace")
        return text.upper() if self._shouts else text


FAMILIES = {
    "byte-BPE": byte_bpe,
    "SentencePiece unigram": sentencepiece_unigram,
    "SentencePiece BPE": sentencepiece_bpe,
    "word-level": word_level,
}
