"""The pytest plugin: options, cases, fixtures, and the handing on of every check to the run's verdict."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conformance import cases
from conformance.broken_off import told_in_a_line
from conformance.cases import Case
from conformance.catalogue import WORKLOAD as CATALOGUE
from conformance.catalogue import cases as catalogue_cases
from conformance.catalogue.cases import EntryCase
from conformance.census import NotRun
from conformance.checks import Check, Step
from conformance.collector import Collector
from conformance.contracts.filing import holds
from conformance.divergence import repeated_by
from conformance.gathering import Gatherer
from conformance.laboratory import Laboratory, NotAvailable, Verify, acceptance, unobserved
from conformance.observations import ObservationUnwritable
from conformance.options import Options, add_options, read_options, repeating
from conformance.termination import Termination
from conformance.worker import stage_code

_OPTIONS = pytest.StashKey[Options]()
_DIRECTORY = pytest.StashKey[Path]()
_CHECKS = pytest.StashKey[list[Check]]()
_DESELECTED = "conformance_deselected"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the suite's options."""
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Check the options, and give the run its directory, which all its processes share."""
    config.addinivalue_line("markers", "each(what): run the test once for each framework, pair, seed, train variant")
    config.addinivalue_line("markers", "throughput: measures time; runs with pytest --benchmark-only")
    if not config.pluginmanager.hasplugin("benchmark"):  # a marker of pytest-benchmark's, which was ruled out
        config.addinivalue_line("markers", "benchmark: how to time, where pytest-benchmark is there")
    config.stash[_OPTIONS] = read_options(config)
    if not _is_xdist_worker(config):
        config.pluginmanager.register(Termination(config), "conformance-termination")
        config.stash[_DIRECTORY] = _run_directory()
        # A cleanup, because a hook is not called where that of another plugin raises.
        config.add_cleanup(lambda: shutil.rmtree(config.stash[_DIRECTORY], ignore_errors=True))
        gatherer = Gatherer(config, config.stash[_OPTIONS], config.stash[_DIRECTORY])
        config.pluginmanager.register(gatherer, "conformance-gatherer")
    else:
        config.stash[_DIRECTORY] = Path(config.workerinput["conformance_directory"])  # type: ignore[attr-defined]


def _run_directory() -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix="conformance-"))
    except OSError as error:
        refused = ObservationUnwritable.because(Path(error.filename or tempfile.gettempdir()), error)
        pytest.exit(str(refused), returncode=pytest.ExitCode.INTERNAL_ERROR)


class XdistHooks:
    """Hooks for pytest-xdist, and some that only it knows: registered where it is active."""

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionstart(self) -> Generator[None, None, None]:
        """Start the xdist processes, or say why that did not go well."""
        with told_in_a_line():
            yield

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Run the tests in them, likewise."""
        with told_in_a_line():
            return (yield)

    @pytest.hookimpl
    def pytest_configure_node(self, node: Any) -> None:
        """Tell each xdist process the run's directory."""
        node.workerinput["conformance_directory"] = str(node.config.stash[_DIRECTORY])

    @pytest.hookimpl
    def pytest_testnodedown(self, node: Any, error: object | None) -> None:
        """Count what the xdist processes deselected, once, for each of them collects everything."""
        reporter = node.config.pluginmanager.get_plugin("terminalreporter")
        dropped = getattr(node, "workeroutput", {}).get(_DESELECTED)
        if reporter is not None and dropped:
            reporter.stats.setdefault("deselected", [SimpleNamespace(nodeid=nodeid) for nodeid in dropped])

    @pytest.hookimpl
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Keep tests that share observations in one process, in the order of collection."""
        from xdist.scheduler import LoadScopeScheduling

        class ByObservation(LoadScopeScheduling):  # type: ignore[misc]
            def _split_scope(self, nodeid: str) -> str:
                return cases.group_of(nodeid)

        config.option.loadscopereorder = False
        return ByObservation(config, log)


def pytest_plugin_registered(plugin: object, manager: pytest.PytestPluginManager) -> None:
    """Add the xdist hooks once pytest-xdist is there."""
    if manager.hasplugin("xdist") and not manager.hasplugin("conformance-xdist"):
        manager.register(XdistHooks(), "conformance-xdist")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize tests marked `each` over their cases; `-m full` cases carry the marker `full`."""
    marker = metafunc.definition.get_closest_marker("each")
    if marker is None:
        return
    generator = {**cases.GENERATORS, **catalogue_cases.GENERATORS}[marker.args[0]]
    generated = generator(metafunc.config.stash[_OPTIONS])
    parameters = [
        pytest.param(case, id=case.id, marks=[pytest.mark.full] if case.is_full else []) for case in generated
    ]
    reason = f"no {marker.args[0]} among the frameworks and workloads of this run"
    nothing = pytest.param(None, id="none", marks=pytest.mark.skip(reason=reason))
    metafunc.parametrize("case", parameters or [nothing])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave long runs to their markers and timing to `--benchmark-only`; put the slowest groups first."""
    for marker in ("full", "catalogue", "compiled", "environments", "timing", "trial"):
        if marker not in (config.option.markexpr or ""):
            _deselect(config, items, marker)
    if not config.getoption("benchmark_only", False):
        if _is_xdist_worker(config):
            _deselect(config, items, "throughput")
        for item in items:
            if item.get_closest_marker("throughput"):
                item.add_marker(pytest.mark.skip(reason="timing runs with pytest --benchmark-only"))
    order = (
        "pytorch native",
        "tensorflow",
        "pytorch",
        "pytorch compiled",
        "tensorflow xla",
        "tensorflow native",
    )
    items.sort(key=lambda item: _rank(order, cases.group_of(item.nodeid)))


def _rank(order: tuple[str, ...], group: str) -> int:
    return order.index(group) if group in order else len(order)


def _deselect(config: pytest.Config, items: list[pytest.Item], marker: str) -> None:
    dropped = [item for item in items if item.get_closest_marker(marker)]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        if _is_xdist_worker(config):
            told = config.workeroutput.setdefault(_DESELECTED, [])  # type: ignore[attr-defined]
            told += [item.nodeid for item in dropped]
        items[:] = [item for item in items if not item.get_closest_marker(marker)]


@pytest.fixture(scope="session")
def options(pytestconfig: pytest.Config) -> Options:
    """The choices of this run."""
    return pytestconfig.stash[_OPTIONS]


@pytest.fixture(scope="session")
def laboratory(pytestconfig: pytest.Config, options: Options) -> Iterator[Laboratory]:
    """Observations of this run, made when first asked for; this process's workers end with the session."""
    directory = pytestconfig.stash[_DIRECTORY]
    observations = directory / "observations"
    try:
        observations.mkdir(exist_ok=True)
        code = stage_code(directory / f"code-{os.getpid()}")
    except OSError as error:
        raise _no_room(ObservationUnwritable.because(observations, error)) from None
    except ObservationUnwritable as error:
        raise _no_room(error) from None
    collector = Collector(
        observations,
        code,
        options.subjects,
        {workload.name: workload for workload in (*options.workloads, CATALOGUE)},
        options.data_source,
    )
    yield Laboratory(collector)
    collector.close()


def _no_room(error: ObservationUnwritable) -> NotAvailable:
    return NotAvailable(NotRun("the suite", str(error), required=True))


@pytest.fixture
def verify(request: pytest.FixtureRequest, laboratory: Laboratory, options: Options) -> Verify:
    """Files checks with the run and fails the test where one failed that no ledger entry accepts."""
    gathered: list[Check] = []
    request.node.stash[_CHECKS] = gathered
    case: Case = request.getfixturevalue("case")

    return Verify(gathered, acceptance(laboratory, options, case), _command(request.node))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    """Hand the test's checks on with its report; turn what is not available into a skip with its reason."""
    outcome = yield
    report = outcome.get_result()
    unavailable = call.excinfo.value if call.excinfo is not None else None
    if isinstance(unavailable, NotAvailable):
        report.outcome = "skipped"
        report.longrepr = (str(item.path), item.location[1] or 0, f"Skipped: {unavailable}")
        report.conformance_not_run = json.dumps(asdict(unavailable.not_run))
    checks = item.stash.get(_CHECKS, []) if call.when == "call" else []
    if report.failed and not any(check.failed for check in checks):
        checks = [*checks, *_unobserved(item, call.excinfo.value if call.excinfo else None)]
    # As text, because pytest-xdist hands on plain values alone.
    report.conformance_checks = json.dumps([check.as_dict() for check in checks])
    rows = [row for name, row in item.user_properties if name == "conformance_throughput"]
    report.conformance_throughput = json.dumps(rows if call.when == "call" else [])


def _unobserved(item: pytest.Item, error: BaseException | None) -> list[Check]:
    """The failed check of a conformance test that failed before, or without, any contract failing."""
    case = item.callspec.params.get("case") if isinstance(item, pytest.Function) and hasattr(item, "callspec") else None
    if not isinstance(case, Case):
        return []
    text, _, _ = ("" if error is None else str(error)).partition("\nTraceback (most recent call last)")
    reason = f"{item.name}: {text}"
    if isinstance(case, EntryCase):
        checks = [holds(case, case.step, f"catalogue/{case.entry.name}/observed", False, reason)]
    else:
        step = case.benchmark.step if case.benchmark else Step(item.path.stem.removeprefix("test_"))
        checks = [unobserved(case, step, reason, error)]
    return [repeated_by(check, _command(item)) for check in checks]


def _command(item: pytest.Item) -> str:
    """The command that repeats a test as this run did it."""
    return repeating(item.config, item.path, item.nodeid.partition("::")[2])


def _is_xdist_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")
