"""Faults of the machine: processes killed, a disk full, the clock set, runs on one cache at once, one after the other.

    python -m conformance.trial.machine kills --times 100
    python -m conformance.trial.machine full
    python -m conformance.trial.machine clock --times 100
    python -m conformance.trial.machine shared --runs 8
    python -m conformance.trial.machine repeats --times 10

Each is done to runs of a small part of the suite, the first epoch of `mnist_mlp`. What every run said is kept in the
directory; the exit status is 1 where one of them was wrong. POSIX alone; `full` mounts a small tmpfs, as root or
under `unshare --map-root-user --mount`; `clock` needs Linux and a C compiler.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Annotated

import psutil
import typer

from conformance.ending import Ended as CommandEnded
from conformance.ending import NotPossible
from conformance.termination import sigterm_interrupts
from conformance.trial.machine_outcome import Outcome, differences, grows, judge_clock, judge_full, judge_kill
from conformance.trial.wall_clock import WallClock
from conformance.trial.watched_run import Setting, WatchedRun, clean_run, end_all_runs

SETTINGS = (Setting("pytorch"), Setting("tensorflow"), Setting("pytorch", 2))
BOTH = Setting("tensorflow,pytorch", 2)
KILLS_A_RUN = 6
SETTINGS_A_RUN = 5
DAY = 86_400.0  # seconds
YEAR = 365 * DAY
_SMALLEST, _LARGEST = 1 << 12, 1 << 30
_OURS = ".machine"  # in directories that may be emptied

app = typer.Typer(add_completion=False)
Directory = Annotated[Path, typer.Option(metavar="DIR", help="Where runs and what they said are kept.")]
DEFAULT = Path("report/machine")


@app.command()
def kills(
    times: Annotated[int, typer.Option(min=1, help="How many processes to kill.")] = 100,
    seed: Annotated[int, typer.Option(help="Of the moments and the victims.")] = 0,
    directory: Directory = DEFAULT,
) -> None:
    """Kill random processes of runs, never pytest's own, at random moments; every other run has an empty cache."""
    place = _fresh(directory / "kills")
    cache = place / "cache"
    random = Random(seed)
    seconds, expected = _clean_runs(place, cache)
    killed: Counter[str] = Counter()
    outcomes: Counter[Outcome] = Counter()
    while killed.total() < times:
        number = outcomes.total() + 1
        setting = SETTINGS[number % len(SETTINGS)]
        if number % 2:
            shutil.rmtree(cache, ignore_errors=True)
        run = WatchedRun(place / f"{number:03d}", setting, cache)
        victims = list(_kill_some(run, random, seconds[setting] / KILLS_A_RUN))
        outcome, reason = judge_kill(len(victims), run.end(), expected[setting])
        killed.update(victims)
        outcomes[outcome] += 1
        _tell(f"{number:3} {setting}: killed {', '.join(victims) or 'nobody'}: {_words(outcome, reason)}")
    for setting in SETTINGS:
        clean_run(place / f"clean {setting} afterwards", setting, cache)
    typer.echo(f"killed {killed.total()}: {', '.join(f'{count} {what}' for what, count in killed.most_common())}")
    typer.echo(f"runs {outcomes.total()}: {', '.join(f'{count} {what}' for what, count in outcomes.most_common())}")
    typer.echo("clean runs on the cache that is left pass")
    raise typer.Exit(int(outcomes[Outcome.WRONG] > 0))


def _clean_runs(place: Path, cache: Path) -> tuple[dict[Setting, float], dict[Setting, int]]:
    """How many seconds an undisturbed run of every setting takes, its cache empty, and how many checks it makes."""
    seconds, expected = {}, {}
    for setting in SETTINGS:
        shutil.rmtree(cache, ignore_errors=True)
        clock = time.monotonic()
        expected[setting] = len(clean_run(place / f"clean {setting}", setting, cache).checks)
        seconds[setting] = time.monotonic() - clock
    return seconds, expected


def _kill_some(run: WatchedRun, random: Random, mean_seconds: float) -> Iterator[str]:
    """Kill processes of the run, whichever there are then, at intervals of an exponential law; says what they were."""
    while not run.is_over_within(random.expovariate(1 / mean_seconds)):
        if found := run.descendants():
            victim = random.choice(found)
            with suppress(psutil.NoSuchProcess):
                what = role(victim.cmdline())
                victim.kill()
                yield what


def role(command: Sequence[str]) -> str:
    """What a process of a run is, by its command line."""
    if any(word.endswith("/observer/__main__.py") for word in command):
        return "oracle's worker" if "-I" in command else "framework's worker"
    return "xdist process" if any("exec(eval(" in word for word in command) else "other process"


@app.command()
def full(directory: Directory = DEFAULT) -> None:
    """Run with ever more room for the cache, for temporary files and for the report, from 4 KiB on.

    What one run leaves on the disk, the next one finds there.
    """
    place = _fresh(directory / "full")
    setting = SETTINGS[0]
    expected = len(clean_run(place / "clean", setting, place / "cache").checks)
    counts: Counter[tuple[str, Outcome]] = Counter()
    for what in ("cache", "temporary", "report"):
        with _disk(place / "disk") as disk:
            size, enough = _SMALLEST, False
            while not enough and size <= _LARGEST:
                _resize(disk, size)
                own = place / f"{what}-{size}"
                places = {"cache": own / "cache", "temporary": own / "temporary", "report": own / "report"}
                places[what] = disk / what
                run = WatchedRun(own, setting, places["cache"], temporary=places["temporary"], report=places["report"])
                outcome, reason = judge_full(run.end(), expected)
                counts[what, outcome] += 1
                _tell(f"{what} on {size >> 10:,} KiB: {_words(outcome, reason)}")
                enough = outcome is Outcome.UNHARMED and (what != "cache" or any(disk.rglob("*.ensemble")))
                size *= 4
    for (what, outcome), count in sorted(counts.items()):
        typer.echo(f"{what:20} {outcome:10} {count:4}")
    raise typer.Exit(int(any(outcome is Outcome.WRONG for _, outcome in counts)))


@contextmanager
def _disk(path: Path) -> Iterator[Path]:
    """A disk of its own at `path`."""
    path.mkdir(exist_ok=True)
    _mount("-t", "tmpfs", "tmpfs", str(path))
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)  # an interrupted run may still be ending


def _resize(disk: Path, size: int) -> None:
    """Give the disk so many bytes."""
    _mount("-o", f"remount,size={size}", str(disk))


def _mount(*words: str) -> None:
    mounted = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if mounted.returncode:
        raise NotPossible(f"no tmpfs can be mounted ({mounted.stderr.strip()}): be root, or use unshare")


@app.command()
def clock(
    times: Annotated[int, typer.Option(min=1, help="How many times to set the clock.")] = 100,
    seed: Annotated[int, typer.Option(help="Of the moments and the times.")] = 0,
    directory: Directory = DEFAULT,
) -> None:
    """Set the wall clock of runs, by up to a year to either side, before they start and at random moments."""
    place = _fresh(directory / "clock")
    cache = place / "cache"
    random = Random(seed)
    hands = WallClock(place)
    seconds, expected = _clean_runs(place, cache)
    outcomes: Counter[Outcome] = Counter()
    done = 0
    while done < times:
        number = outcomes.total() + 1
        setting = SETTINGS[number % len(SETTINGS)]
        if number % 2:
            shutil.rmtree(cache, ignore_errors=True)
        offsets = [random.uniform(-YEAR, YEAR)]
        hands.put(offsets[0])
        started, true_clock = datetime.now(UTC), time.monotonic()
        run = WatchedRun(place / f"{number:03d}", setting, cache, variables=hands.variables)
        while not run.is_over_within(random.expovariate(SETTINGS_A_RUN / seconds[setting])):
            offsets.append(random.uniform(-YEAR, YEAR))
            hands.put(offsets[-1])
        ended = run.end()
        took = time.monotonic() - true_clock
        starts = [started + timedelta(seconds=offset) for offset in offsets]
        outcome, reason = judge_clock(ended, expected[setting], starts, took)
        done += len(offsets)
        outcomes[outcome] += 1
        days = ", ".join(f"{offset / DAY:+.0f}" for offset in offsets)
        _tell(f"{number:3} {setting}: {days} days: {_words(outcome, reason)}")
    typer.echo(f"set the clock {done} times")
    typer.echo(f"runs {outcomes.total()}: {', '.join(f'{count} {what}' for what, count in outcomes.most_common())}")
    raise typer.Exit(int(outcomes[Outcome.WRONG] > 0))


@app.command()
def shared(
    runs: Annotated[int, typer.Option(min=2, help="How many at once.")] = 2,
    directory: Directory = DEFAULT,
) -> None:
    """Start runs at the same time on one empty cache: all end alike, and each ensemble is made once."""
    place = _fresh(directory / f"shared-{runs}")
    cache, made = place / "cache", place / "made"
    made.touch()
    going = []
    for number in range(1, runs + 1):
        own = place / str(number)
        words, variables = ("-p", "conformance.trial.counting"), {"CONFORMANCE_MADE": str(made)}
        going.append(WatchedRun(own, SETTINGS[0], cache, words, variables))
    ended = [run.end() for run in going]
    wrong = [
        f"run {number}: exit status {end.status}{'; left ' * bool(end.left)}{', '.join(end.left)}"
        for number, end in enumerate(ended, 1)
        if end.status or end.run is None or end.left or end.damaged
    ]
    wrong += differences([end.run for end in ended if end.run is not None]) if not wrong else []
    names = made.read_text(encoding="utf-8").splitlines()
    typer.echo(f"{runs} runs at once, {len(set(names))} ensembles, made {len(names)} times")
    wrong += [f"{name} was made {count} times" for name, count in Counter(names).items() if count > 1]
    _conclude(wrong or ([] if names else ["no ensemble was made"]), "all end alike")


@app.command()
def repeats(
    times: Annotated[int, typer.Option(min=5, help="How many runs, one after the other.")] = 10,
    directory: Directory = DEFAULT,
) -> None:
    """Run again and again on one cache: memory, processes, temporary files and the cache do not grow."""
    place = _fresh(directory / "repeats")
    cache = place / "cache"
    this = psutil.Process()
    peaks: list[float] = []
    wrong: list[str] = []
    first: set[tuple[str, int]] = set()
    for number in range(1, times + 1):
        own = place / f"{number:02d}"
        ended = WatchedRun(own, BOTH, cache).end()
        peaks.append(ended.peak_bytes)
        files = {(path.name, path.stat().st_size) for path in cache.rglob("*") if path.is_file()}
        first = first or files
        wrong += [f"run {number}: exit status {ended.status}"] * bool(ended.status)
        wrong += [f"run {number}: left {name}" for name in (*ended.left, *ended.damaged)]
        wrong += [f"run {number}: the cache has changed: {files ^ first}"] * (files != first)
        _tell(
            f"{number:2}: peak {ended.peak_bytes / 2**20:.0f} MiB, {len(this.children(recursive=True))} processes and "
            f"{len(ended.left)} files left, {len(files)} files of {sum(size for _, size in files):,} bytes in the cache"
        )
    wrong += ["memory grows: " + ", ".join(f"{peak / 2**20:.0f} MiB" for peak in peaks)] * grows(peaks)
    _conclude(wrong, f"{times} runs, nothing grows; peak {min(peaks) / 2**20:.0f} to {max(peaks) / 2**20:.0f} MiB")


def _fresh(directory: Path) -> Path:
    """An empty directory. Raises NotPossible where it cannot be made, or holds what no earlier run has put there."""
    ours = directory / _OURS
    try:
        if directory.exists() and any(directory.iterdir()) and not ours.exists():
            raise NotPossible(f"{directory} holds files of others: name another place with --directory")
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True, exist_ok=True)
        ours.touch()
    except OSError as error:
        raise NotPossible(f"{directory} cannot be used ({error.strerror}): name another with --directory") from error
    return directory.absolute()


def _words(outcome: Outcome, reason: str) -> str:
    return f"{outcome}: {reason.splitlines()[0]}" if reason else str(outcome)


def _tell(line: str) -> None:
    typer.echo(line, err=True)


def _conclude(wrong: Sequence[str], otherwise: str) -> None:
    for line in wrong or [otherwise]:
        typer.echo(line)
    raise typer.Exit(int(bool(wrong)))


if __name__ == "__main__":
    try:
        with sigterm_interrupts():
            app()
    except CommandEnded as ended:
        _tell(str(ended))
        sys.exit(ended.status)
    finally:
        end_all_runs()
