"""How often the verdict of speed is wrong where nothing has changed: virtual gates from a pool of recorded processes.

    python -m conformance.gate.false_alarms record POOL.json --framework pytorch --triples 40
    python -m conformance.gate.false_alarms draw POOL.json --gates 100

`record` times triples of processes of one version, one right after the other, as a round of a gate does. `draw`
makes gates of them: each takes as many triples as the plan has rounds, without replacement, and gives the three
processes of each the parts of A, A' and B at random. The gates share one pool, so they are not independent.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Annotated

import typer

from conformance.gate.timing import Times, time_process, works
from conformance.judge.timing import ARMS, PLANS, SPEED_LIMIT, SpeedRun, judge_speed
from conformance.observations import write_whole
from conformance.subjects import Subject, framework_named
from conformance.verdict import SpeedVerdict
from conformance.worker import stage_code
from reference.workloads import MNIST_MLP

Triple = Sequence[Mapping[str, float]]
"""The seconds of every work in each of three processes."""

SLOWDOWNS = (0.0, 0.10, 0.25)
_SLOWED = "train_step"

app = typer.Typer(add_completion=False)


def virtual_gates(
    pool: Sequence[Triple], rounds: int, gates: int, seed: int, slowdown: float = 0.0
) -> Iterator[SpeedRun]:
    """Gates of `rounds` triples each, the candidate's updates taking `slowdown` (0.25 is 25 %) longer.

    Raises ValueError where the pool holds fewer triples than a gate has rounds.
    """
    if len(pool) < rounds:
        raise ValueError(f"a gate of {rounds} rounds needs as many triples, the pool holds {len(pool)}")
    random = Random(seed)
    for _ in range(gates):
        times = Times()
        for triple in random.sample(pool, rounds):
            for arm, seconds in zip(ARMS, random.sample(triple, len(ARMS)), strict=True):
                longer = 1 + slowdown * (arm == "candidate")
                times.add(
                    arm, {name: value * (longer if _SLOWED in name else 1) for name, value in seconds.items()}, {}
                )
        baseline, again, candidate = (times.seconds[arm] for arm in ARMS)
        yield judge_speed(baseline, again, candidate, SPEED_LIMIT)


def slowed(run: SpeedRun) -> SpeedVerdict:
    """The verdict on the update itself, the worst where there are several."""
    return SpeedRun(tuple(result for result in run.results if _SLOWED in result.name), run.disturbed).verdict


@app.command()
def record(
    pool: Annotated[Path, typer.Argument(metavar="POOL", help="The file to write; what it holds is kept.")],
    framework: Annotated[str, typer.Option(help="tensorflow, pytorch or numpy.")],
    triples: Annotated[int, typer.Option(help="How many triples the pool shall hold.")] = 40,
    interpreter: Annotated[str | None, typer.Option(metavar="PATH", help="A Python that holds the framework.")] = None,
) -> None:
    """Time fresh processes of one version, three in a row."""
    name = framework_named(framework)
    subject = Subject(name) if interpreter is None else Subject(name, interpreter)
    recorded: list[Triple] = json.loads(pool.read_text(encoding="utf-8")) if pool.exists() else []
    with tempfile.TemporaryDirectory(prefix="conformance-") as directory:
        code, log = stage_code(Path(directory, "code")), Path(directory, "stderr")
        while len(recorded) < triples:
            triple = []
            for _ in ARMS:
                seconds, failed = time_process(subject, code, log, works([MNIST_MLP], name), seed=0)
                if failed:
                    raise typer.BadParameter("; ".join(f"{work}: {reason}" for work, reason in failed.items()))
                triple.append(seconds)
            recorded.append(triple)
            write_whole(pool, [json.dumps(recorded).encode()])
            typer.echo(f"{len(recorded)} of {triples} triples", err=True)


@app.command()
def draw(
    pool: Annotated[Path, typer.Argument(metavar="POOL", exists=True, dir_okay=False)],
    gates: Annotated[int, typer.Option(help="How many virtual gates.")] = 100,
    plan: Annotated[str, typer.Option(help="quick or full.")] = "quick",
    seed: Annotated[int, typer.Option(help="Of the drawing.")] = 0,
) -> None:
    """Show how often gates of the pool give which verdict, as recorded and with updates slowed down."""
    recorded: list[Triple] = json.loads(pool.read_text(encoding="utf-8"))
    typer.echo(f"{gates} gates by the plan {plan}, drawn without replacement from one pool of {len(recorded)} triples")
    typer.echo(f"{'updates slowed by':18}{'of':10}" + "".join(f"{verdict:>12}" for verdict in SpeedVerdict))
    for slowdown in SLOWDOWNS:
        runs = list(virtual_gates(recorded, PLANS[plan], gates, seed, slowdown))
        for what, verdicts in (("the run", [run.verdict for run in runs]), ("updates", [slowed(run) for run in runs])):
            counts = Counter(verdicts)
            typer.echo(f"{slowdown:<18.0%}{what:10}" + "".join(f"{counts[verdict]:12}" for verdict in SpeedVerdict))


if __name__ == "__main__":
    app()
