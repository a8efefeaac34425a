"""Unit tests, run by the Python for Windows."""

from __future__ import annotations

from pathlib import Path

from support.windows import Windows, wait_on_windows, windows_path

TESTS = Path(__file__).parents[1]

# Tests of functions without side effects, and of files in which line ends matter. Left out are tests that need trio's
# event loop (every test with a ``terminal``: it does not work under Wine), POSIX modes, links, users or programs.
CHOSEN = (
    "oauth/test_device_grant.py",
    "system/test_files.py::test_a_file_that_is_too_large_or_no_text_is_not_read",
    "system/test_files.py::test_line_ends_are_written_and_read_as_they_are",
    "system/test_files.py::test_what_a_killed_process_wrote_beside_the_file_goes_with_it",
    "oauth/test_id_token.py",
    "oauth/test_id_token_cases.py",
    "oauth/test_discovery.py",
    "settings/test_profile.py",
    "oauth/test_response.py",
    "oauth/test_revocation.py",
    "sessions/test_sessions.py",
    "test_text.py",
    "oauth/test_token.py",
    "oauth/test_userinfo.py",
)
NEEDS_MODES = "settings/test_profile.py::test_saving_makes_a_private_file_with_a_table_for_the_profile"


def test_unit_tests_pass_on_windows(windows_python: Windows) -> None:
    names = [windows_path(TESTS / name) for name in CHOSEN]
    options = ("-q", "-p", "no:cacheprovider", "--deselect", NEEDS_MODES, "--rootdir", windows_path(TESTS))
    end = wait_on_windows(windows_python.start("-m", "pytest", *options, *names))
    assert end.code == 0, end.out
