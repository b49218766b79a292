"""The command line, `python -m itdl`: list, run, claims, promote, book, doctor.

Exit codes: 0 all claims hold, 1 a claim failed or a verdict changed, 2 bad input, 3 broken data or
environment, 4 interrupted and resumable. A problem is one sentence; `--debug` shows the traceback.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType

from itdl import project
from itdl.checks import BadInput, DataError
from itdl.runner import book, chapters, doctor, execution
from itdl.runner.execution import Outcome
from itdl.runner.parameters import spoken

__all__ = ["main"]

HOLDS, DIFFERS, BAD_INPUT, BROKEN, INTERRUPTED = range(5)
LOG_LINES = 15


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code."""
    options = _parser().parse_args(arguments)
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        code: int = options.verb(options)
        return code
    except (BadInput, DataError, OSError) as error:
        if options.debug:
            raise
        print(f"itdl: {_sentence(error)}", file=sys.stderr)
        return BAD_INPUT if isinstance(error, BadInput) else BROKEN
    except KeyboardInterrupt:
        execution.stop()
        print("itdl: interrupted; what is finished is kept, the same command resumes", file=sys.stderr)
        return INTERRUPTED
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m itdl", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--debug", action="store_true", help="show the traceback of a problem")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def verb(name: str, function: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=text, description=text)
        added.set_defaults(verb=function)
        return added

    def effort(added: argparse.ArgumentParser) -> None:
        added.add_argument("--jobs", type=int, metavar="N", help="chapters at once (default: one a core)")
        added.add_argument(
            "--timeout",
            type=float,
            default=execution.TIMEOUT,
            metavar="S",
            help="seconds a cell may take (%(default)s)",
        )

    verb("list", _list, "each chapter: current or stale, and why")
    run = verb("run", _run, "execute chapters whose result is not current")
    run.add_argument("chapter", nargs="*", help="number or name (default: all)")
    run.add_argument("--profile", default=chapters.BOOK, help="a file of notebooks/profiles (default: %(default)s)")
    run.add_argument("-p", dest="parameters", action="append", default=[], metavar="name=value")
    effort(run)
    verb("claims", _claims, "the ledger as text; exit 1 when a verdict is not the committed one")
    verb("promote", _promote, "commit the executed chapters' outputs beside their sources")
    effort(verb("book", _book, "execute what changed, then build the book"))
    verb("doctor", _doctor, "check this environment, one line each")
    return parser


def _list(options: argparse.Namespace) -> int:
    for chapter in chapters.discover(project.find()):
        why = chapters.changed(chapters.plan(chapter), chapter.executed)
        seconds = chapters.stamp(chapter.executed)["seconds"] if chapter.executed.is_file() else None
        state = f"stale: {', '.join(why)}" if why else "current"
        print(f"{chapter.stem}  {state}" + (f"  ({seconds} s)" if seconds is not None else ""))
    return HOLDS


def _run(options: argparse.Namespace) -> int:
    home = project.find()
    given = spoken(options.parameters)
    named = dict.fromkeys(chapters.find(home, name) for name in options.chapter)
    wanted = list(named) or chapters.discover(home)
    if given and len(wanted) != 1:
        raise BadInput(f"parameters were given for {len(wanted)} chapters; name the one they are for, as in `run 06`")
    runs = [chapters.plan(chapter, options.profile, given) for chapter in wanted]
    return _execute(runs, options)


def _claims(options: argparse.Namespace) -> int:
    found = book.evidence(project.find())
    for one in found:
        state = f"stale: {', '.join(one.stale)}" if one.stale else "current"
        print(f"{one.chapter.stem}  from {one.notebook.parent.name}/, {state}")
        for record in one.records:
            print(f"  {record.id}  {record.verdict}{' (stale)' if one.stale else ''}")
        print(*(f"  verdict differs: {line}\n" for line in one.differences), sep="", end="")
    print(book.tally(record for one in found for record in one.records))
    return DIFFERS if any(one.differences for one in found) else HOLDS


def _promote(options: argparse.Namespace) -> int:
    moved = book.promote(project.find())
    print(*[f"wrote {chapter.committed}" for chapter in moved] or ["nothing to promote"], sep="\n")
    return HOLDS


def _book(options: argparse.Namespace) -> int:
    home = project.find()
    code = _execute([chapters.plan(chapter) for chapter in chapters.discover(home)], options)
    if code > DIFFERS:
        return code
    page = book.build(home)
    print(book.tally(record for one in book.evidence(home) for record in one.records))
    print(f"open {page}")
    return code


def _doctor(options: argparse.Namespace) -> int:
    findings = doctor.examine(project.find())
    for finding in findings:
        print(finding)
    return BROKEN if any(finding.state == doctor.WRONG for finding in findings) else HOLDS


def _execute(runs: Sequence[chapters.Run], options: argparse.Namespace) -> int:
    """Execute `runs`, tell how each one went, and return the worst code."""
    codes = [HOLDS]
    for number, outcome in enumerate(execution.execute(runs, jobs=options.jobs, timeout=options.timeout), start=1):
        print(f"chapter {number} of {len(runs)}: {outcome.run.chapter.stem} {_told(outcome)}", flush=True)
        codes.append(_code(outcome))
    return max(codes)


def _told(outcome: Outcome) -> str:
    run = outcome.run
    if outcome.problem:
        log = execution.log_file(run)
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:] if log.is_file() else []
        return "\n".join([f"failed: {outcome.problem}", *(f"    {line}" for line in tail), f"  whole log: {log}"])
    seconds = chapters.stamp(run.output)["seconds"]
    lines = [f"is current (took {seconds} s then)" if outcome.fresh else f"executed in {seconds} s"]
    if run.output != run.chapter.executed:
        lines += [f"  {r.id}  {r.verdict}" for r in outcome.records]
        lines.append(f"  {run.output}")
    return "\n".join([*lines, *(f"  verdict differs: {line}" for line in outcome.differences)])


def _code(outcome: Outcome) -> int:
    if outcome.problem:
        return BAD_INPUT if outcome.error == BadInput.__name__ else BROKEN
    return DIFFERS if outcome.differences else HOLDS


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError):
        where = error.filename or "the disk"
        return f"{where}: {error.strerror}; old outputs are as they were: mend this and run the same command again"
    return str(error)


def _interrupt(number: int, frame: FrameType | None) -> None:
    execution.stop()
    raise KeyboardInterrupt
