"""The program `olivine`: finds the command, runs it, and turns whatever happens into a line and an exit code."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from .errors import missing_package

DONE, REFUSED, FAILED, CANCELLED = 0, 2, 3, 130
READER_GONE = 141
"""What a shell reports of a program that SIGPIPE ended."""

COMMANDS = {
    "run": "run the passes of a config: train, merge, convert, evaluate",
    "runs": "list the runs of this workspace",
    "attach": "watch a run that goes on",
    "cancel": "stop a run; what is finished stays",
    "submit": "run a config on its Azure ML system, and follow the job",
    "resume": "go on with a run that was stopped or failed",
    "logs": "print what a run has printed",
    "check": "say what is wrong with a config, and mend what can be mended",
    "plan": "show what a run would do, and what is cached already",
    "migrate": "rewrite a config of an earlier Olive in today's language",
    "schema": "print the JSON schema of the config language",
    "doctor": "say what this machine has, and whether a config can run on it",
    "chat": "talk to a model that a run made",
    "clean": "free disk space that cached results take",
    "lsp": "serve an editor over standard input and output",
}

EXIT_CODES = """\
exit codes:
  0    done
  2    the config, or the command line, is refused; nothing was run
  3    the run failed
  130  cancelled
"""


class Parser(argparse.ArgumentParser):
    """An argument parser that offers the near name for a mistyped command."""

    def error(self, message: str) -> NoReturn:
        import difflib

        near = difflib.get_close_matches(typed(sys.argv[1:]) or "", COMMANDS, n=1)
        if "invalid choice" in message and near:
            message = f"there is no command {typed(sys.argv[1:])!r}. Did you mean {near[0]!r}?"
        self.exit(REFUSED, f"{self.prog}: {message}\nSee `{self.prog} --help`.\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; no exception reaches the person as a traceback."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # consoles that lack a letter of a config
    try:
        code = run_command(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Python flushes standard output once more at exit, which would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return READER_GONE
    except KeyboardInterrupt:
        print("\nCancelled.", file=sys.stderr)
        return CANCELLED
    except ModuleNotFoundError as error:
        missing = missing_package(error)
        print(f"olivine: {missing.message} {missing.hint}", file=sys.stderr)
        return FAILED
    except Exception as error:
        from .journal import keep_traceback

        try:
            details = f"the details are in {keep_traceback()}"
        except OSError as unkept:
            details = f"the details cannot be kept: {unkept}"
        print(f"olivine: unexpected {type(error).__name__}; {details}", file=sys.stderr)
        return FAILED


def run_command(arguments: list[str]) -> int:
    """Parse the arguments with the chosen command's module, the only one imported, and execute it."""
    name = typed(arguments)
    parser = build_parser(name if name in COMMANDS else None)
    args = parser.parse_args(arguments)
    if args.version:
        print(f"olivine {version()}")
        return DONE
    if name is None:
        parser.print_help()
        return REFUSED
    code: int = command(name).execute(args)
    return code


def build_parser(chosen: str | None) -> argparse.ArgumentParser:
    """The parser of the program, complete for the `chosen` command only."""
    parser = Parser(
        prog="olivine",
        description="Fine-tune and convert small language models from one file, olive-config.json.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="print the version and leave")
    commands = parser.add_subparsers(metavar="COMMAND", parser_class=argparse.ArgumentParser)
    for name, summary in COMMANDS.items():
        sub = commands.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            epilog=EXIT_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name == chosen:
            command(name).configure(sub)
    return parser


def command(name: str):  # type: ignore[no-untyped-def]  # a module with configure and execute
    """The module of one command."""
    return importlib.import_module(f".commands.{name}", __package__)


def typed(arguments: list[str]) -> str | None:
    """The word that stands where a command is expected."""
    return next((argument for argument in arguments if not argument.startswith("-")), None)


def version() -> str:
    """The version of the installed distribution."""
    from importlib.metadata import version

    return version("olivine")
