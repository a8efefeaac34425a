"""Whether each figure in README and docs has the command beside it that makes it, and is what the command makes.

"Figure" means a picture, and a number that was measured. Numbers that the program decides are in ``test_limits.py``,
and those of the page about reliability in ``test_reliability.py``.
"""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from awesome_cli import __version__
from bench import bench, parts, peak_load, versions
from bench.cases import BARE, HELP, OWN_COMMAND, own_cases
from bench.instructions import RECORD, TOLERANCE, TOLERANCE_OF_ANOTHER_BUILD, Record
from bench.runner import Runner
from comparison import compare
from support.pages import DOCS, FENCED, README, ROOT, code, section, tables

PERFORMANCE = "docs/explanation/performance.md"
COMPARISON = "docs/explanation/comparison.md"
RELIABILITY = "docs/explanation/reliability.md"
MEASURED = {PERFORMANCE, COMPARISON, RELIABILITY}  # the pages with measured numbers
CONTRIBUTING = (ROOT / ".github" / "CONTRIBUTING.md").read_text("utf-8")
PAGES = DOCS | {"README.md": README, ".github/CONTRIBUTING.md": CONTRIBUTING}
NOXFILE = (ROOT / "noxfile.py").read_text("utf-8")

RECORDER: dict[str, Any] = runpy.run_path(str(ROOT / "docs/record_pictures.py"))
RECORDED = {f"docs/pictures/{name}-{theme}.svg" for name in RECORDER["RECORDINGS"] for theme in RECORDER["THEMES"]}
RECORDED |= {f"docs/pictures/{name}.png" for name in RECORDER["SHOTS"]}
DRAWN = {"docs/performance.svg": "nox -s bench", "docs/peak-load.svg": "nox -s bench -- --peak-load"}
EMBEDDED = {
    (page, (ROOT / page).parent.joinpath(path).resolve().relative_to(ROOT).as_posix())
    for page, text in PAGES.items()
    for path in re.findall(r'!\[[^]]*\]\(([^)]+)\)|(?:src|srcset)="([^"]+)"', text)
    for path in path
    if path
}

COMMAND = re.compile(r"nox -s (\w+)")
SIGN = "\N{MULTIPLICATION SIGN}"
RATIO = re.compile(rf"\d ?(?:{SIGN}|%)|{SIGN} ?\d|\d times\b|\b\d+ of \d+\b|\d (?:MB|ms)\b")


def words_of_code(text: str) -> str:
    """Return all code of a text: blocks and spans."""
    blocks = [block for _, block in FENCED.findall(text)] + re.findall(r"^ {4,}.+$", text, re.MULTILINE)
    return " ".join("\n".join([*blocks, *code(text)]).split())


def sections(text: str) -> dict[str, str]:
    return {title: section(text, title) for title in re.findall(r"^## .+$", text, re.MULTILINE)}


@pytest.mark.parametrize(("page", "picture"), sorted(EMBEDDED))
def test_a_picture_is_made_by_a_command_that_is_named_beside_it_or_in_contributing(page: str, picture: str) -> None:
    assert (ROOT / picture).is_file()
    if picture in DRAWN:
        assert DRAWN[picture] in words_of_code(DOCS[page])
    else:
        assert picture in RECORDED
        assert "`pictures`" in CONTRIBUTING
        assert "docs/record_pictures.py" in NOXFILE


def test_all_drawings_and_recordings_are_known() -> None:
    assert {picture for _, picture in EMBEDDED} >= {*DRAWN, "docs/pictures/login-dark.svg"}
    assert {path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/*.svg")} == {*DRAWN}


@pytest.mark.parametrize("page", PAGES)
def test_a_session_that_a_page_names_exists_and_has_the_option(page: str) -> None:
    text = words_of_code(PAGES[page])
    sources = NOXFILE + "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py"))
    for session in COMMAND.findall(text):
        assert f"\ndef {session}(session: nox.Session" in NOXFILE, session
    for option in re.findall(r"nox -s \w+ -- (--[\w-]+)", text):
        assert f'"{option}"' in sources, option


@pytest.mark.parametrize(
    ("page", "title"), [(page, title) for page in (PERFORMANCE, COMPARISON) for title in sections(DOCS[page])]
)
def test_a_section_with_measured_numbers_names_the_command(page: str, title: str) -> None:
    text = sections(DOCS[page])[title]
    if RATIO.search(text) or tables(text):
        assert COMMAND.search(words_of_code(text)), title


@pytest.mark.parametrize("page", [COMPARISON, RELIABILITY])
def test_a_page_whose_numbers_come_from_one_command_begins_with_it(page: str) -> None:
    assert COMMAND.search(words_of_code(DOCS[page].partition("\n## ")[0]))


@pytest.mark.parametrize("page", [page for page in PAGES if page not in MEASURED and "/decisions/" not in page])
def test_no_other_page_has_measured_numbers(page: str) -> None:
    assert RATIO.findall(PAGES[page].replace("coverage of the package is 100 %", "")) == []


@pytest.mark.parametrize("page", [page for page in DOCS if page.startswith("docs/decisions/")])
def test_a_decision_record_with_measured_numbers_says_by_what(page: str) -> None:
    text = " ".join(DOCS[page].split())
    if re.search(r"times (?:as long as )?bare Python|\d MB", text):
        assert "`nox -s bench" in text
    if re.search(r"\d lines of code", text):
        assert "`tests/test_architecture.py`" in text


RESULTS = sections(DOCS[PERFORMANCE])["## Results"]
ROWS, RESOURCES = tables(RESULTS)


def name_of(cell: str) -> str:
    """Return the name of a case; some are said with more words."""
    plain = cell.replace("`", "").removesuffix(" (C)")
    return OWN_COMMAND if plain.startswith(OWN_COMMAND) else plain


TIMES = {name_of(command): float(bare) for command, bare, *_ in ROWS}


def test_the_instructions_on_the_page_are_those_on_record() -> None:
    recorded = Record.read(RECORD).ratios
    listed = {name_of(command): count for command, _, _, count, _ in ROWS if count and name_of(command) in recorded}
    assert len(listed) >= 10
    for name, count in listed.items():
        half = 0.5 if "." not in count else 0.05
        assert abs(float(count) - recorded[name]) <= half + 1e-9, name


def test_the_goals_on_the_page_are_those_of_the_bench() -> None:
    issuer = SimpleNamespace(url="", client_id="", api_url="")
    cases = own_cases(Path(), cast("Runner", SimpleNamespace(issuer=issuer)))
    goals = {case.name: case.goals for case in cases} | {HELP: {BARE: versions.GOAL_OF_HELP}}
    before: dict[str, float] = {}
    for command, _, _, _, goal in ROWS:
        stated = {
            name: float(number) for number, name in re.findall(rf"([\d.]+) {SIGN} (bare Python|`keyring get`)", goal)
        }
        stated = before if goal == "the same" else {name.strip("`"): number for name, number in stated.items()}
        assert stated == goals.get(name_of(command), {}), command
        before = stated
    memory = {code(what)[0]: goal for what, _, goal in RESOURCES if "memory" in what}
    assert memory == {command: f"{megabytes} MB" for command, megabytes in bench.MEMORY.items()}
    assert RESOURCES[-1][2] == f"{bench.WAITING:.1%}".replace("%", " %")


def test_the_tolerances_on_the_page_are_those_of_the_bench() -> None:
    text = " ".join(DOCS[PERFORMANCE].split())
    assert f"and {TOLERANCE * 100:g} % more fails" in text
    assert f"for any other the tolerance is {TOLERANCE_OF_ANOTHER_BUILD * 100:g} %" in text


def test_the_picture_shows_the_times_of_the_table() -> None:
    assert (ROOT / "docs/performance.svg").read_text("utf-8") == bench.chart(TIMES)


def test_the_columns_of_the_python_of_the_results_agree_with_them() -> None:
    (rows,) = tables(sections(DOCS[PERFORMANCE])["## Which Python, which Typer"])
    for command, of_311, *_ in rows:
        assert float(of_311) == TIMES[name_of(command)]


def test_the_parts_on_the_page_add_up_to_the_instructions_on_record() -> None:
    (rows,) = tables(sections(DOCS[PERFORMANCE])["## Where the time goes"])
    assert [name for name, *_ in rows[1:-2]] == [*parts.OF_A_RENEWAL]
    for column, command in enumerate(parts.IMPORTS, 1):
        *numbers, whole = [float(row[column]) for row in rows if row[column]]
        assert len(numbers) == len(parts.IMPORTS[command]) + 2
        assert whole == round(Record.read(RECORD).ratios[command], 1)
        assert abs(sum(numbers) - whole) <= 0.05 * len(numbers)


def test_the_simulated_peak_load_is_the_one_on_the_page_and_in_the_picture() -> None:
    """One of five: each takes some seconds."""
    (rows,) = tables(sections(DOCS[PERFORMANCE])["## 100,000 sign-ins at once"])
    peaks = {response: int(peak.replace(",", "")) for response, peak, _ in rows}
    outcome = peak_load.simulate(peak_load.MACHINES, peak_load.LIMIT, "slow_down")
    assert rows[0] == ["`slow_down`", f"{outcome.peak:,}", f"{outcome.requests.total() / 1e6:.2f} million"]
    picture = (ROOT / "docs/peak-load.svg").read_text("utf-8")
    assert peak_load.points(outcome, max(peaks.values())) in picture
    assert f"requests per second (to {max(peaks.values())})" in picture
    assert f"answers {peak_load.LIMIT:,} requests a second" in " ".join(DOCS[PERFORMANCE].split())


def test_the_lines_of_the_compared_programs_are_those_of_their_files() -> None:
    (rows,) = tables(DOCS[COMPARISON])
    lines = {re.findall(r"`(\w+)\.py`", program)[0]: int(number) for program, number, *_ in rows}
    assert lines == {name: compare.code_lines(compare.FOLDER / f"{name}.py") for name in compare.LIBRARIES}


def test_the_page_describes_the_trials_of_the_comparison() -> None:
    text = " ".join(DOCS[COMPARISON].split())
    assert f"{ {5: 'five'}[compare.AT_ONCE] } processes find" in text
    assert f"takes {compare.SLOW:g} seconds" in text


def test_the_versions_of_the_compared_libraries_are_those_that_are_installed_for_it() -> None:
    (rows,) = tables(DOCS[COMPARISON])
    listed = {found[1]: found[2] for program, *_ in rows if (found := re.match(r"([\w-]+) ([\d.]+) ", program))}
    lock = (ROOT / "requirements.lock").read_text("utf-8").lower().replace("_", "-")
    assert listed.pop("awesome-cli") == __version__
    assert [*listed] == [*compare.LIBRARIES.values()][1:]
    assert [name for name, version in listed.items() if f"\n{name}=={version}" not in lock] == []
