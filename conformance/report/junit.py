"""JUnit XML, which CI systems show: one test case a check, one test suite a step.

The form is that of https://github.com/testmoapp/junitxml, which GitLab, Jenkins and Azure read alike.
"""

from __future__ import annotations

from xml.etree import ElementTree

from conformance.checks import Check, Step
from conformance.failure_text import failure_text
from conformance.report.summary import clean
from conformance.verdict import Run


def page(run: Run) -> str:
    """The document as text."""
    root = ElementTree.Element("testsuites", name=f"conformance {run.mode}", time=str(run.seconds))
    for step in Step:
        checks = [check for check in run.checks if check.step is step]
        if checks:
            _suite(root, step, checks)
    if run.incomplete:
        suite = ElementTree.SubElement(root, "testsuite", name="completeness", tests="1", failures="0", errors="1")
        case = ElementTree.SubElement(suite, "testcase", name="complete", classname="conformance")
        ElementTree.SubElement(case, "error", message=clean("; ".join(run.incomplete)))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(root: ElementTree.Element, step: Step, checks: list[Check]) -> None:
    failed = sum(check.failed for check in checks)
    suite = ElementTree.SubElement(
        root, "testsuite", name=str(step), tests=str(len(checks)), failures=str(failed), errors="0"
    )
    for check in checks:
        case = ElementTree.SubElement(suite, "testcase", name=clean(check.id), classname=f"conformance.{step}")
        if check.failed:
            failure = ElementTree.SubElement(
                case, "failure", type=str(check.verdict), message=clean(check.reason).replace("\n", " ")
            )
            failure.text = clean(failure_text(check))
        elif check.ledger_id is not None:
            ElementTree.SubElement(case, "skipped", message=clean(f"accepted by the ledger: {check.ledger_id}"))
