"""What an audit leaves in files: every discrepancy, a page for people, and a report for pipelines."""

from __future__ import annotations

import json
import os
from pathlib import Path
from xml.etree import ElementTree

from mig import Refused
from mig_verify.found import counted
from mig_verify.repairs import Repairs
from mig_verify.result import Result, as_line


def write_lines(path: Path, result: Result, *, bodies: bool) -> None:
    """Every discrepancy as a line of JSON.

    Raises:
        Refused: The file cannot be written.
    """
    rows = (json.dumps(as_line(one, bodies=bodies), ensure_ascii=False) for one in result.found)
    write_private(path, "".join(f"{row}\n" for row in rows))


def write_junit(path: Path, result: Result) -> None:
    """Each level a suite, each kind a case of it.

    Raises:
        Refused: The file cannot be written.
    """
    suites = ElementTree.Element("testsuites", name="mig verify", time=str(result.seconds))
    for name, level in result.levels.items():
        if level.verdict == "skipped":
            continue
        suite = ElementTree.SubElement(suites, "testsuite", name=name)
        failures = 0
        for kind in result.kinds:
            case = ElementTree.SubElement(suite, "testcase", classname=f"mig.{name}", name=kind)
            wrong = [group for group in result.groups if group.level == name and group.kind == kind]
            if wrong:
                failures += 1
                text = "\n".join(f"{group.count} {group.what} {group.field} {group.why}".strip() for group in wrong)
                told = counted(sum(group.count for group in wrong), "discrepancy", "discrepancies")
                ElementTree.SubElement(case, "failure", message=told).text = text
            elif level.verdict == "incomplete":
                ElementTree.SubElement(case, "skipped", message="not all could be checked")
        suite.set("tests", str(len(result.kinds)))
        suite.set("failures", str(failures))
    write_private(path, ElementTree.tostring(suites, "unicode", xml_declaration=True))


def write_repair(path: Path, result: Result) -> None:
    """What a repair would do, a line for each thing: `deliver` a unit again, `read` a record, or what is `by hand`.

    Raises:
        Refused: The file cannot be written.
    """
    head = {"plan": "mig repair 1", "source": result.source, "target": result.target, "run_id": result.run_id}
    rows = [head, *Repairs(result.found, result.stays).rows()]
    write_private(path, "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows))


def write_page(path: Path, result: Result, *, bodies: bool) -> None:
    """The page for people.

    Raises:
        Refused: The file cannot be written.
    """
    from mig_verify.page import page

    write_private(path, page(result, bodies=bodies))


def write_private(path: Path, text: str) -> None:
    """Write a file nobody else may read.

    Raises:
        Refused: It cannot be written.
    """
    try:
        handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogatepass") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text)
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}", "Name another place.") from error
