"""The command line. What a command does is in conformance.commands, imported when it is wanted: this starts fast."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from conformance.ending import WRONG_USE, Ended
from conformance.termination import TERMINATED, sigterm_interrupts

app = typer.Typer(
    name="conformance",
    help="Conformance tests for deep-learning frameworks.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
cache = typer.Typer(help="The environments and oracle runs that are kept.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(cache, name="cache")

# Typer carries a click of its own from 0.20 on, and uses the one that is installed before.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]
_STATUS = "Exit status: 0 conforms or may upgrade, 1 drift, break or slower, 2 wrong use, 3 could not be carried out."

Workloads = Annotated[
    list[str] | None, typer.Option("--workload", metavar="NAME|FILE", help="Workload; may be repeated.")
]
Device = Annotated[str, typer.Option(help="cpu or cuda.")]
Framework = Annotated[
    str, typer.Option(metavar="NAMES", help="tensorflow, pytorch; by default all that both sides hold.")
]
Only = Annotated[str, typer.Option(metavar="STEP", help="One step, or the start of step/contract, alone.")]
PassEnv = Annotated[
    list[str] | None, typer.Option("--pass-env", metavar="NAME", help="Hand on a variable that looks like a secret.")
]
IndexUrl = Annotated[str | None, typer.Option(metavar="URL", help="The package index.")]
ExtraIndexUrl = Annotated[
    list[str] | None, typer.Option("--extra-index-url", metavar="URL", help="A further package index.")
]
AllowBuilds = Annotated[bool, typer.Option("--allow-builds", help="Build what has no wheel.")]
TorchBackend = Annotated[str | None, typer.Option(metavar="NAME", help="cpu, auto, cu129, ...: as in uv.")]
Ledger = Annotated[Path | None, typer.Option(metavar="FILE", help="Further accepted divergences.")]
Catalogue = Annotated[bool, typer.Option("--catalogue", help="Compare the components of the catalogue too.")]
Report = Annotated[Path | None, typer.Option(metavar="DIR", help="Write the report there.")]


@app.command(
    epilog=_STATUS,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=True,
)
def run(
    context: typer.Context,
    report: Annotated[str, typer.Option(metavar="DIR", help="Write the report there.")] = "report",
) -> None:
    """Run the suite on what is installed here; everything else on the line goes to pytest."""
    from conformance.commands.run import run_suite

    raise typer.Exit(run_suite(report, context.args))


@app.command(epilog=_STATUS)
def gate(
    baseline: Annotated[
        str, typer.Argument(metavar="BASELINE", help="'torch==2.14.1 ...', a requirements file, -, or python:PATH")
    ],
    candidate: Annotated[str, typer.Argument(metavar="CANDIDATE", help="The same for what you may upgrade to.")],
    workload: Workloads = None,
    device: Device = "cpu",
    framework: Framework = "",
    only: Only = "",
    baseline_env: Annotated[
        list[str] | None, typer.Option("--baseline-env", metavar="K=V", help="A variable for the baseline's workers.")
    ] = None,
    candidate_env: Annotated[
        list[str] | None, typer.Option("--candidate-env", metavar="K=V", help="A variable for the candidate's workers.")
    ] = None,
    pass_env: PassEnv = None,
    baseline_python: Annotated[str | None, typer.Option(metavar="VERSION|PATH", help="The baseline's Python.")] = None,
    candidate_python: Annotated[str | None, typer.Option(metavar="VERSION|PATH", help="The candidate's.")] = None,
    index_url: IndexUrl = None,
    extra_index_url: ExtraIndexUrl = None,
    allow_builds: AllowBuilds = False,
    full_environment: Annotated[
        bool, typer.Option("--full-environment", help="Install all that a file names, not its frameworks alone.")
    ] = False,
    torch_backend: TorchBackend = None,
    ledger: Ledger = None,
    fail_on: Annotated[
        str, typer.Option(metavar="VERDICTS", help="What makes the exit status 1: of drift,break,slower,unresolved.")
    ] = "drift,break,slower",
    speed: Annotated[
        str, typer.Option(metavar="off|quick|full", help="Time both sides: in 12 rounds of processes, or in 80.")
    ] = "off",
    speed_limit: Annotated[str, typer.Option(metavar="PERCENT", help="The slowdown that counts as none.")] = "5%",
    catalogue: Catalogue = False,
    report: Report = None,
    verdicts: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Take the verdict from there, or keep it there.")
    ] = None,
    junit_xml: Annotated[Path | None, typer.Option("--junit-xml", metavar="FILE", help="Write JUnit XML.")] = None,
) -> None:
    """Compare two environments and say whether you may upgrade from one to the other."""
    from conformance.commands import gate as command

    words = command.GateWords(
        baseline=baseline,
        candidate=candidate,
        workloads=tuple(workload or ()),
        device=device,
        frameworks=framework,
        only=only,
        baseline_environment=tuple(baseline_env or ()),
        candidate_environment=tuple(candidate_env or ()),
        pass_environment=tuple(pass_env or ()),
        baseline_python=baseline_python,
        candidate_python=candidate_python,
        index_url=index_url,
        extra_index_urls=tuple(extra_index_url or ()),
        allow_builds=allow_builds,
        full_environment=full_environment,
        torch_backend=torch_backend,
        ledger=ledger,
        fail_on=fail_on,
        report=report,
        speed=speed,
        speed_limit=speed_limit,
        catalogue=catalogue,
        verdicts=verdicts,
    )
    raise typer.Exit(command.gate(words, junit_xml))


@app.command(epilog=_STATUS)
def bisect(
    package: Annotated[str, typer.Argument(metavar="PACKAGE", help="Such as torch, tensorflow-cpu or keras.")],
    good: Annotated[str, typer.Argument(metavar="GOOD", help="A release whose results are right.")],
    bad: Annotated[str, typer.Argument(metavar="BAD", help="A newer or an older one that departs from it.")],
    beside: Annotated[
        str,
        typer.Option(
            "--with", metavar="REQUIREMENTS", help="Installed with every release; for Keras, by default, TensorFlow."
        ),
    ] = "",
    workload: Workloads = None,
    device: Device = "cpu",
    framework: Framework = "",
    only: Only = "",
    python: Annotated[str | None, typer.Option(metavar="VERSION|PATH", help="The Python of every release.")] = None,
    pre: Annotated[bool, typer.Option("--pre", help="Probe pre-releases too.")] = False,
    yanked: Annotated[bool, typer.Option("--yanked", help="Probe yanked releases too.")] = False,
    pass_env: PassEnv = None,
    index_url: IndexUrl = None,
    extra_index_url: ExtraIndexUrl = None,
    allow_builds: AllowBuilds = False,
    torch_backend: TorchBackend = None,
    ledger: Ledger = None,
    report: Report = None,
) -> None:
    """Find the first release between two that departs from the first."""
    from conformance.commands import bisect as command
    from conformance.commands.gate import GateWords

    words = GateWords(
        baseline=good,
        candidate=bad,
        workloads=tuple(workload or ()),
        device=device,
        frameworks=framework,
        only=only,
        pass_environment=tuple(pass_env or ()),
        baseline_python=python,
        candidate_python=python,
        index_url=index_url,
        extra_index_urls=tuple(extra_index_url or ()),
        allow_builds=allow_builds,
        torch_backend=torch_backend,
        ledger=ledger,
        report=report,
    )
    raise typer.Exit(command.bisect(package, good, bad, words, beside=beside, include_pre=pre, include_yanked=yanked))


@app.command()
def report(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A directory that holds verdict.json.")],
    workload: Workloads = None,
) -> None:
    """Draw a report again from its verdict.json and its observations."""
    from conformance.commands.report import draw

    raise typer.Exit(draw(directory, workload or []))


@app.command()
def accept(
    check: Annotated[str, typer.Argument(metavar="CHECK", help="The id of a failed check, or a part of it.")],
    reason: Annotated[str, typer.Option(help="Why the divergence is acceptable.")],
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="Last day, as 2026-12-31.")],
    report: Annotated[Path, typer.Option(metavar="DIR", help="The report that holds the check.")] = Path("report"),
    ledger: Annotated[Path, typer.Option(metavar="FILE", help="The ledger to add to.")] = Path("ledger.toml"),
) -> None:
    """Add a waiver for a failed check to a ledger of your own."""
    from conformance.commands.accept import accept_check

    raise typer.Exit(accept_check(check, reason, until.date(), report, ledger))


@app.command(
    epilog="Exit status: 0 every fault caught where it is, 1 one missed, inactive or named elsewhere, a false alarm, "
    "2 wrong use, 3 could not be carried out."
)
def trial(
    fault: Annotated[
        list[str] | None, typer.Option("--fault", metavar="NAME", help="This fault alone; may be repeated.")
    ] = None,
    framework: Annotated[str, typer.Option(metavar="NAMES", help="tensorflow, pytorch; by default both.")] = "",
    faults: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The faults; by default tests/faults of this clone.")
    ] = None,
    limits: Annotated[
        bool, typer.Option("--limits", help="Halve the faults that have a size until they are missed.")
    ] = False,
    report: Annotated[Path, typer.Option(metavar="DIR", help="Write trial.html, .md and .json there.")] = Path(
        "report"
    ),
) -> None:
    """Plant faults into the frameworks, and show which of them the suite finds, and at which step."""
    from conformance.commands import trial as command

    raise typer.Exit((command.limits if limits else command.trial)(fault or [], framework, faults, report))


@app.command()
def explain(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A component, such as BatchNormalization or nn.Conv2d.")],
) -> None:
    """Say how a component is written in Keras and in PyTorch, and what to beware of."""
    from conformance.commands.explain import explain as command

    command(name)


@cache.command("list")
def list_kept() -> None:
    """Show what is kept, with sizes."""
    from conformance.commands.cache import show

    show()


@cache.command()
def clear() -> None:
    """Remove all that is kept and not in use."""
    from conformance.commands.cache import remove

    remove()


def main() -> None:
    """The entry point `conformance`: a mistake of the user's is one or two lines and exit status 2."""
    with sigterm_interrupts() as terminated:
        status = _status()
    sys.exit(TERMINATED if terminated.is_set() else status)


def _status() -> int:
    try:
        return int(app(prog_name="conformance", standalone_mode=False) or 0)
    except UsageError as error:
        command = getattr(getattr(error, "ctx", None), "command_path", None) or "conformance"
        print(f"{command}: {_message(error).rstrip('.')}; see {command} --help", file=sys.stderr)
        return WRONG_USE
    except Ended as ended:
        print(f"conformance: {ended}", file=sys.stderr)
        return ended.status
    except KeyboardInterrupt:
        return 130


def _message(error: Exception) -> str:
    """What click says is wrong."""
    return str(getattr(error, "format_message", error.__str__)())


if __name__ == "__main__":
    main()
