"""`olivine chat --json`: a conversation with a program, one JSON object a line each way.

Requests are `{"id", "prompt", "max_tokens", "temperature", "chat"}`, of which the prompt is needed, and
`{"stop": true}`, which ends the answers that were asked for before it. `chat` has the model's chat template put around
the prompt, where it has one.

Events have a "type": "ready" once, with the model's name and kind; per request "token" with "text" for each token, then
"done" with the number of tokens, their speed, the wait for the first one and why it ended, or "error" with a message.
The end of the requests ends the process, whatever it is doing.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any, NoReturn, TextIO

from .cli import DONE, FAILED
from .talker import Sampling, Talker

Json = dict[str, Any]


class Requests:
    """What a thread reads: requests that wait, with their numbers, and up to which one they were called off."""

    def __init__(self) -> None:
        self.waiting: queue.SimpleQueue[tuple[int, Json]] = queue.SimpleQueue()
        self._read = self._called_off = 0

    def read(self, lines: TextIO) -> None:
        """Take requests until there are no more, then end the process: nobody hears it any longer."""
        for line in lines:
            request = _parsed(line)
            if request.get("stop") is True:
                self._called_off = self._read
            else:
                self._read += 1
                self.waiting.put((self._read, request))
        os._exit(DONE)  # a model that loads or answers in native code would keep it alive

    def called_off(self, number: int) -> bool:
        """Whether a request is to be answered no further."""
        return number <= self._called_off


def serve(load: Callable[[], Talker], sampling: Sampling) -> NoReturn:
    """Answer the requests on standard input, then end the process; at once where the model cannot be loaded."""
    tell = _teller()
    requests = Requests()
    threading.Thread(target=requests.read, args=(sys.stdin,), daemon=True, name="requests").start()
    try:
        talker = load()
    except Exception as error:  # it tells the person why
        tell({"type": "error", "id": None, "message": str(error)})
        os._exit(FAILED)  # Python's own end would trip over the thread that reads
    tell({"type": "ready", "model": talker.name, "kind": talker.kind, "template": talker.template is not None})
    while True:
        number, request = requests.waiting.get()
        try:
            _answer(talker, request, sampling, partial(requests.called_off, number), tell)
        except Exception as error:  # the next request may fare better
            tell({"type": "error", "id": request.get("id"), "message": str(error) or type(error).__name__})


def _answer(
    talker: Talker, request: Json, sampling: Sampling, stopped: Callable[[], bool], tell: Callable[[Json], None]
) -> None:
    prompt, asked = _read(request, sampling)
    if request.get("chat") and talker.template:
        prompt = talker.template([{"role": "user", "content": prompt}])
    begun, first, count = time.perf_counter(), None, 0
    with closing(talker.answer(prompt, asked)) as pieces:
        for piece in pieces:
            first = first or time.perf_counter()
            count += 1
            tell({"type": "token", "id": request.get("id"), "text": piece})
            if stopped():
                break
    end = time.perf_counter()
    # The first token waits for the whole prompt to be read: the speed is that of those after it.
    speed = (count - 1) / (end - first) if first and count > 1 and end > first else None
    tell(
        {
            "type": "done",
            "id": request.get("id"),
            "tokens": count,
            "tokens_per_second": speed,
            "first_token_ms": (first - begun) * 1000 if first else None,
            "reason": "stopped" if stopped() else "length" if count >= asked.max_tokens else "end",
        }
    )


def _read(request: Json, sampling: Sampling) -> tuple[str, Sampling]:
    """The prompt and the wishes of a request. Raises ValueError with what is wrong."""
    if "problem" in request:
        raise ValueError(request["problem"])
    prompt = request.get("prompt")
    most, temperature = request.get("max_tokens", sampling.max_tokens), request.get("temperature", sampling.temperature)
    if not isinstance(prompt, str) or not prompt:
        raise ValueError('A request needs a "prompt" with text in it.')
    if not isinstance(most, int) or isinstance(most, bool) or most < 1:
        raise ValueError('"max_tokens" is a whole number from 1.')
    if not isinstance(temperature, int | float) or not 0 <= temperature <= 5:
        raise ValueError('"temperature" is a number from 0 to 5.')
    return prompt, Sampling(most, float(temperature))


def _parsed(line: str) -> Json:
    try:
        request = json.loads(line)
    except ValueError:
        request = None
    return request if isinstance(request, dict) else {"problem": "A request is one JSON object in one line."}


def _teller() -> Callable[[Json], None]:
    """Writes events where standard output was; what anything else prints goes to standard error from now on."""
    sys.stdout.flush()
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    sys.stdout = sys.stderr

    def tell(event: Json) -> None:
        out.write(json.dumps(event, ensure_ascii=False) + "\n")
        out.flush()

    return tell
