"""The measurements, in one code path for torch and ONNX: perplexity, label accuracy, latency."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

from .held_out import HeldOut, spread

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Logits: TypeAlias = NDArray[np.float32]

Tokens = Sequence[int]
Item = TypeVar("Item")
OnProgress = Callable[[int, int], None]
"""Called with (done, total) in sequences; may raise to stop the evaluation."""

CONTEXT = 512
"""Texts are cut to so many tokens, at every stage."""
MAX_TEXTS = 64
MAX_SAMPLES = 256
"""So many of each are measured at most, the same ones at every stage."""
ANSWER_TOKENS = 24
"""Tokens written after a prompt at most."""
BATCH_TOKENS = 512
"""Tokens scored at a time; bounds the logits in memory to about 100 MB for a vocabulary of 50,000."""
NEW_TOKENS = 32
"""Tokens generated to measure speed."""
REPEATS = 3
"""Timed repeats, after one that warms up."""


class Scorer(Protocol):
    """A model that says how likely the next token is."""

    def tokens(self, text: str) -> list[int]:
        """The token ids of `text`, with the tokenizer's begin token if it has one."""

    def logits(self, batch: Sequence[Tokens], last: int) -> list[Logits]:
        """Logits of the next token after the `last` positions of each sequence, or fewer where it is shorter.

        float32 [positions, vocabulary] for each sequence.
        """


class Generator(Protocol):
    """A model that writes on, always taking the likeliest token."""

    def tokens(self, text: str) -> list[int]:
        """The token ids of `text`, with the tokenizer's begin token if it has one."""

    def text(self, tokens: Tokens) -> str:
        """The text of token ids, without special tokens."""

    def generate(self, prompt: Tokens, new_tokens: int, *, stop_at_end: bool) -> Iterator[int]:
        """At most `new_tokens` tokens after `prompt`; the end token ends the iteration, or is passed over."""


@dataclass(frozen=True)
class StageMetrics:
    """What one stage measures; None where the data does not allow a measurement or none was made."""

    accuracy: float | None
    """Share of samples whose right label is the likeliest, 0 to 1."""
    perplexity: float | None
    """exp of the mean negative log-likelihood of a held-out token."""
    first_token_ms: float | None
    """Milliseconds from prompt to first token."""
    tokens_per_second: float | None
    """Tokens written a second, after the first."""
    size_bytes: int
    """Weights on disk."""


def evaluate(
    scorer: Scorer | None,
    generator: Generator | None,
    data: HeldOut,
    *,
    size_bytes: int,
    on_progress: OnProgress = lambda done, total: None,
) -> StageMetrics:
    """Measure a stage; without scorer or generator gaps stay."""
    texts = spread(data.texts, MAX_TEXTS) if scorer else []
    samples = spread(data.samples, MAX_SAMPLES) if scorer else []
    total = len(texts) + len(samples) + (REPEATS + 1 if generator and data.texts else 0)
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        on_progress(done, total)

    perplexity = accuracy = first_token_ms = tokens_per_second = None
    if scorer:
        perplexity = _perplexity(scorer, texts, advance)
        accuracy = _accuracy(scorer, [(s.prompt, s.label) for s in samples], data.labels, advance)
    if generator and data.texts:
        prompt = data.samples[0].prompt if data.samples else data.texts[0]
        first_token_ms, tokens_per_second = _latency(generator, generator.tokens(prompt)[:CONTEXT], advance)
    return StageMetrics(accuracy, perplexity, first_token_ms, tokens_per_second, size_bytes)


def answers(generator: Generator, prompts: Sequence[str]) -> list[str]:
    """What the model writes after each prompt: the first line that holds anything."""
    # a trailing space belongs to the next token ("▁joy"); as a token of its own it throws the model off
    written = (generator.generate(generator.tokens(p.rstrip(" ")), ANSWER_TOKENS, stop_at_end=True) for p in prompts)
    return [next((line.strip() for line in generator.text(list(t)).splitlines() if line.strip()), "") for t in written]


def _perplexity(scorer: Scorer, texts: Sequence[str], advance: Callable[[int], None]) -> float | None:
    import numpy as np

    sequences = [scorer.tokens(text)[:CONTEXT] for text in texts]
    losses = []
    for batch in _batches([tokens for tokens in sequences if len(tokens) > 1]):
        for tokens, logits in zip(batch, scorer.logits(batch, CONTEXT), strict=True):
            losses.append(-_log_probs(logits[:-1], tokens[1:]))
        advance(len(batch))
    return float(np.exp(np.concatenate(losses).mean(dtype=np.float64))) if losses else None


def _accuracy(
    scorer: Scorer, samples: Sequence[tuple[str, str]], labels: Sequence[str], advance: Callable[[int], None]
) -> float | None:
    if not samples:
        return None
    questions = [_Question.of(scorer, prompt, labels, labels.index(label)) for prompt, label in samples]
    open_questions = questions = [question for question in questions if question.prefix]
    while open_questions:
        for batch in _batches_by(open_questions, _Question.context):
            last = max(question.positions for question in batch)
            for question, logits in zip(batch, scorer.logits([q.context() for q in batch], last), strict=True):
                question.score(logits)
            advance(sum(question.answered for question in batch))
        open_questions = [question for question in open_questions if not question.answered]
    return sum(q.leader == q.right for q in questions) / len(questions) if questions else None


class _Question:
    """Which label has the highest summed log-probability after a prompt, found without scoring every label to its end.

    A sum only falls with each further token, so the search ends when the highest sum is that of a whole label. One
    forward pass scores the leading label whole and as much of the others as begins alike. It starts with the right
    label: a model that answers rightly then needs one pass a prompt. The start does not change the answer.
    """

    def __init__(self, prefix: Tokens, rests: Sequence[Tokens], right: int) -> None:
        self.prefix = tuple(prefix)
        self.rests = [tuple(rest) for rest in rests]
        self.right = self.leader = right
        self._sums = [0.0] * len(rests)
        self._scored = [0] * len(rests)

    @classmethod
    def of(cls, scorer: Scorer, prompt: str, labels: Sequence[str], right: int) -> _Question:
        # prompt and label are tokenized as one text, as in training: a token may reach over the seam between them
        wholes = [scorer.tokens(prompt + label) for label in labels]
        shared = _shared(scorer.tokens(prompt), *wholes)
        return cls(wholes[0][max(0, shared - CONTEXT) : shared], [whole[shared:] for whole in wholes], right)

    @property
    def positions(self) -> int:
        """How many of the last logits after `context` it needs."""
        return max(1, len(self.rests[self.leader]))

    @property
    def answered(self) -> bool:
        return self._scored[self.leader] == len(self.rests[self.leader])

    def context(self) -> Tokens:
        """The tokens to be run next: prompt and leading label, but for its last token."""
        return self.prefix + self.rests[self.leader][:-1]

    def score(self, logits: Logits) -> None:
        """Take the logits [at least `positions`, vocabulary] of the end of `context`."""
        logits = logits[-self.positions :]
        given = self.rests[self.leader][:-1]
        for index, rest in enumerate(self.rests):
            known = rest[: _shared(rest, given) + 1]
            if len(known) > self._scored[index]:
                self._sums[index] = float(_log_probs(logits[: len(known)], known).sum())
                self._scored[index] = len(known)
        self.leader = max(range(len(self.rests)), key=self._sums.__getitem__)


def _shared(*sequences: Tokens) -> int:
    """How many tokens all sequences begin with."""
    differ = (index for index, tokens in enumerate(zip(*sequences, strict=False)) if len(set(tokens)) > 1)
    return next(differ, min(map(len, sequences)))


def _latency(generator: Generator, prompt: Tokens, advance: Callable[[int], None]) -> tuple[float | None, float | None]:
    """Median milliseconds to the first token and median tokens a second after it."""
    firsts, rates = [], []
    for repeat in range(REPEATS + 1):
        start = time.perf_counter()
        times = [time.perf_counter() for _ in generator.generate(prompt, NEW_TOKENS, stop_at_end=False)]
        if repeat and times:
            firsts.append((times[0] - start) * 1000)
        if repeat and len(times) > 1:
            rates.append((len(times) - 1) / (times[-1] - times[0]))
        advance(1)
    return statistics.median(firsts) if firsts else None, statistics.median(rates) if rates else None


def _log_probs(logits: Logits, tokens: Tokens) -> NDArray[np.float32]:
    """Log-probability of each of `tokens` [n] under the row of `logits` [n, vocabulary] beside it."""
    import numpy as np

    highest = logits.max(axis=-1)
    normalizer = np.log(np.exp(logits - highest[:, None]).sum(axis=-1)) + highest
    scores: NDArray[np.float32] = logits[np.arange(len(tokens)), list(tokens)] - normalizer
    return scores


def _batches(sequences: Sequence[Tokens]) -> Iterator[list[Tokens]]:
    return _batches_by(sequences, lambda tokens: tokens)


def _batches_by(items: Sequence[Item], tokens_of: Callable[[Item], Tokens]) -> Iterator[list[Item]]:
    """The items in batches of similar length, so that little is padded."""
    batch: list[Item] = []
    for item in sorted(items, key=lambda item: len(tokens_of(item))):
        if batch and (len(batch) + 1) * len(tokens_of(item)) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch
