"""Score and generate with a loaded transformers model, with or without a peft adapter."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from .metrics import Tokens

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class TorchModel:
    """Scorer and Generator of a transformers causal language model and its tokenizer.

    The model is switched to evaluation for each call and back to what it was: it may be in the middle of training.
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model = model
        self.tokenizer = tokenizer
        plain = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._keeps = "logits_to_keep" in inspect.signature(plain.forward).parameters

    def tokens(self, text: str) -> list[int]:
        """The token ids of `text`, with the tokenizer's begin token if it has one."""
        return list(self.tokenizer(text)["input_ids"])

    def text(self, tokens: Tokens) -> str:
        """The text of token ids, without special tokens."""
        return str(self.tokenizer.decode(tokens, skip_special_tokens=True))

    def logits(self, batch: Sequence[Tokens], last: int) -> list[NDArray[np.float32]]:
        """Logits of the next token after the `last` positions of each sequence: float32 [positions, vocabulary]."""
        longest = max(map(len, batch))
        # padded on the right with any token and without a mask: causal attention never looks to the right
        padded = torch.tensor([[*tokens, *[0] * (longest - len(tokens))] for tokens in batch], device=self.model.device)
        keep = min(longest, longest - min(map(len, batch)) + last)
        with _evaluating(self.model):
            logits = self.model(input_ids=padded, use_cache=False, **self._keep(keep)).logits[:, -keep:]
        ends = [keep - (longest - len(tokens)) for tokens in batch]
        return [row[max(0, end - last) : end].float().cpu().numpy() for row, end in zip(logits, ends, strict=True)]

    def generate(self, prompt: Tokens, new_tokens: int, *, stop_at_end: bool) -> Iterator[int]:
        """At most `new_tokens` tokens after `prompt`; the end token ends the iteration, or is passed over."""
        ends, cache, fed = self._ends(), None, [list(prompt)]
        for _ in range(new_tokens):
            with _evaluating(self.model):
                output = self.model(
                    input_ids=torch.tensor(fed, device=self.model.device),
                    past_key_values=cache,
                    use_cache=True,
                    **self._keep(1),
                )
            logits, cache = output.logits[0, -1].float(), output.past_key_values
            if not stop_at_end:
                logits[ends] = -torch.inf
            token = int(logits.argmax())
            if token in ends:
                return
            yield token
            fed = [[token]]

    def _ends(self) -> list[int]:
        ids = self.model.generation_config.eos_token_id
        if ids is None:
            ids = self.tokenizer.eos_token_id
        return [] if ids is None else ids if isinstance(ids, list) else [ids]

    def _keep(self, positions: int) -> dict[str, int]:
        return {"logits_to_keep": positions} if self._keeps else {}


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    training = model.training
    if training:  # walking over all modules for every token would show in the measured speed
        model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        if training:
            model.train()
