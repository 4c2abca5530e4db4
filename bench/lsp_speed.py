"""How fast the language server is beside VS Code's JSON server, on the same documents in one run.

    npm install --prefix FOLDER vscode-langservers-extracted
    python bench/lsp_speed.py --json-server FOLDER/node_modules/.bin/vscode-json-language-server [CONFIG…]
    python bench/lsp_speed.py --other-python ENVIRONMENT/bin/python [CONFIG…]

Both servers are asked for diagnostics (pull). The JSON server runs twice: with Olivine's schema, and without any, when
all it does is to parse. Another Python tells what the packages beside Olivine cost its server, such as those of the
extra `azure`, which it must not import. Rounds take turns, so that a busy machine is busy for all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SCHEMA = ROOT / "schemas" / "olivine_schemas" / "olive-config.schema.json"
DEMO = ROOT / "examples" / "phrase-tone" / "olive-config.json"
CAPABILITIES = {
    "workspace": {"configuration": True, "workspaceFolders": True},
    "textDocument": {
        "diagnostic": {"dynamicRegistration": False},
        "completion": {"completionItem": {"snippetSupport": True, "documentationFormat": ["markdown"]}},
        "hover": {"contentFormat": ["markdown"]},
    },
}
LARGE = "5,000 lines"
Figures = dict[str, list[float]]


class Connection:
    """One server process and its streams; answers what the server asks with nothing."""

    def __init__(self, command: list[str]) -> None:
        env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        self.started = time.perf_counter()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
        self._id = 0

    def notify(self, method: str, params: Any) -> None:
        self._send({"method": method, "params": params})

    def request(self, method: str, params: Any) -> Any:
        self._id += 1
        self._send({"id": self._id, "method": method, "params": params})
        while True:
            message = self._receive()
            if "method" not in message and message["id"] == self._id:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            if "method" in message and "id" in message:
                items = message["params"].get("items", []) if isinstance(message.get("params"), dict) else []
                self._send({"id": message["id"], "result": [None] * len(items) or None})

    def memory(self) -> float:
        """Proportional share of the process's memory in MiB, where the system tells; else 0."""
        path = Path(f"/proc/{self.process.pid}/smaps_rollup")
        found = re.search(r"^Pss:\s+(\d+) kB", path.read_text(), re.MULTILINE) if path.exists() else None
        return int(found[1]) / 1024 if found else 0.0

    def processor(self) -> float:
        """Processor time of the process so far in ms, where the system tells; else 0."""
        path = Path(f"/proc/{self.process.pid}/stat")
        fields = path.read_text().rpartition(")")[2].split() if path.exists() else []
        return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK") if fields else 0.0

    def stop(self) -> None:
        self.request("shutdown", None)
        self.notify("exit", None)
        self.process.wait(10)

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}, separators=(",", ":")).encode()
        assert self.process.stdin
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def _receive(self) -> Any:
        assert self.process.stdout
        length = 0
        while (line := self.process.stdout.readline().strip()) != b"":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        if not length:
            raise RuntimeError("the server has closed its output")
        return json.loads(self.process.stdout.read(length))


def measure(command: list[str], settings: Any, uri: str, text: str, edits: int, figures: Figures) -> None:
    """One life of a server with one document; times in ms and memory in MiB are added to `figures`."""
    server = Connection(command)
    options = {"handledSchemaProtocols": ["file"], "provideFormatter": True}
    server.request("initialize", {"processId": os.getpid(), "rootUri": None, "capabilities": CAPABILITIES,
                                  "initializationOptions": options})  # fmt: skip
    figures["initialize"].append(since(server.started))
    server.notify("initialized", {})
    if settings:
        server.notify("workspace/didChangeConfiguration", {"settings": settings})
    document = {"uri": uri, "languageId": "json", "version": 1, "text": text}
    server.notify("textDocument/didOpen", {"textDocument": document})
    about = {"textDocument": {"uri": uri}}
    server.request("textDocument/diagnostic", about)
    figures["start to first diagnostics"].append(since(server.started))
    figures["processor time of that"].append(server.processor())
    time.sleep(0.3)
    for version, change in enumerate(changes(text, edits), 2):
        at = time.perf_counter()
        server.notify("textDocument/didChange", {"textDocument": {"uri": uri, "version": version}, **change})
        server.request("textDocument/diagnostic", about)
        figures["edit to diagnostics"].append(since(at))
    for method, places in (("completion", values(text)), ("hover", keys(text))):
        for place in places[:edits]:
            at = time.perf_counter()
            server.request(f"textDocument/{method}", {**about, "position": place})
            figures[method].append(since(at))
    figures["memory, MiB"].append(server.memory())
    server.stop()


def since(start: float) -> float:
    return (time.perf_counter() - start) * 1000


def changes(text: str, count: int) -> Iterator[dict[str, Any]]:
    """Edits as they come from a keyboard: a letter into a key, and out again."""
    places = keys(text)
    for number in range(count):
        place = places[(number // 2 * 7) % len(places)]
        after = {**place, "character": place["character"] + 1}
        out = number % 2 == 1
        yield {
            "contentChanges": [{"range": {"start": place, "end": after if out else place}, "text": "" if out else "x"}]
        }


def keys(text: str) -> list[dict[str, int]]:
    """A place inside every key that starts its line."""
    lines = enumerate(text.split("\n"))
    return [{"line": i, "character": m.end()} for i, line in lines if (m := re.match(r'\s*"\w', line))]


def values(text: str) -> list[dict[str, int]]:
    """A place inside every string value that stands beside its key."""
    lines = enumerate(text.split("\n"))
    return [{"line": i, "character": m.end()} for i, line in lines if (m := re.match(r'\s*"\w+": "', line))]


def large(text: str) -> str:
    """The config grown to 5,000 lines: its first pass many times over, each time with data configs of its own."""
    config = json.loads(text)
    (name, first), *rest = config["passes"].items()
    passes, data, number = {name: first}, list(config["data_configs"]), 0
    while len(json.dumps({**config, "passes": passes}, indent=2).split("\n")) < 5000:
        number += 1
        copied = json.dumps([first, data])
        for each in data:
            copied = copied.replace(json.dumps(each["name"]), json.dumps(f"{each['name']}_{number}"))
        passes[f"{name}_{number}"], more = json.loads(copied)
        config["data_configs"] += more
    return json.dumps({**config, "passes": {**passes, **dict(rest)}}, indent=2) + "\n"


def percentile(numbers: list[float], share: float) -> float:
    ordered = sorted(numbers)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def show(title: str, found: dict[str, Figures]) -> None:
    print(f"\n{title}\n")
    names = list(found)
    print("| p50 / p95 | " + " | ".join(names) + " | ratio to " + " | ratio to ".join(names[1:]) + " |")
    print("| --- " * (2 * len(names)) + "|")
    for what in found[names[0]]:
        pairs = [[percentile(found[name][what], share) for share in (0.5, 0.95)] for name in names]
        p50, p95 = pairs[0]
        ratios = [f"{p50 / (a or 1):.2f} / {p95 / (b or 1):.2f}" for a, b in pairs[1:]]
        print(f"| {what} | " + " | ".join([*(f"{a:.2f} / {b:.2f}" for a, b in pairs), *ratios]) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("configs", nargs="*", type=Path, default=[DEMO], metavar="CONFIG")
    parser.add_argument("--json-server", help="vscode-json-language-server; without it, Olivine's alone is measured")
    parser.add_argument("--other-python", metavar="PYTHON", help="one with Olivine and other packages")
    parser.add_argument("--rounds", type=int, default=7, help="lives of each server")
    parser.add_argument("--edits", type=int, default=60, help="edits, completions and hovers in each life")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single figure")
    args = parser.parse_args()
    schema = {"json": {"validate": {"enable": True}, "schemas": [{"fileMatch": ["*"], "url": SCHEMA.as_uri()}]}}
    servers: dict[str, tuple[list[str], Any]] = {"Olivine": ([sys.executable, "-m", "olivine_server"], None)}
    if args.other_python:
        servers[f"Olivine in {args.other_python}"] = ([args.other_python, "-m", "olivine_server"], None)
    if args.json_server:
        theirs = [args.json_server, "--stdio"]
        servers["JSON server with schema"] = (theirs, schema)
        servers["JSON server without"] = (theirs, {"json": {"validate": {"enable": True}}})
    documents = {str(path): (path.absolute().as_uri(), path.read_text()) for path in args.configs}
    documents[LARGE] = (DEMO.with_name("olive-config.json").as_uri(), large(DEMO.read_text()))
    everything = {}
    for title, (uri, text) in documents.items():
        found: dict[str, Figures] = {name: defaultdict(list) for name in servers}
        for number in range(args.rounds + 1):
            for name, (command, settings) in servers.items():
                uncounted: Figures = defaultdict(list)
                measure(command, settings, uri, text, args.edits, found[name] if number else uncounted)
        show(f"{title}, {len(text.splitlines())} lines", found)
        everything[title] = found
    if args.json:
        args.json.write_text(json.dumps(everything, indent=1))


if __name__ == "__main__":
    main()
