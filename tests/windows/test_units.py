"""Unit tests, run by the Python for Windows."""

from __future__ import annotations

from pathlib import Path

from support.windows import Windows, wait_on_windows, windows_path

TESTS = Path(__file__).parents[1]

# Tests of functions without side effects, of files in which line ends matter, and of programs with their commands in
# virtual time. Left out are tests that need POSIX modes, links, users or programs.
CHOSEN = (
    "oauth/test_device_grant.py",
    "system/test_files.py::test_a_file_that_is_too_large_or_not_utf_8_is_not_read",
    "system/test_files.py::test_line_ends_are_unchanged",
    "system/test_files.py::test_temporary_files_of_a_killed_process_are_removed_with_the_file",
    "oauth/test_id_token.py",
    "oauth/test_id_token_cases.py",
    "oauth/test_discovery.py",
    "settings/test_config_file.py",
    "settings/test_profile.py",
    "oauth/test_response.py",
    "program/test_defaults.py",
    "program/test_definition.py",
    "program/test_dispatch.py",
    "program/test_other_frameworks.py",
    "program/test_signed_in.py",
    "oauth/test_revocation.py",
    "sessions/test_model.py",
    "sessions/test_renewal.py",
    "sessions/test_stored_format.py",
    "test_text.py",
    "testing/test_time.py",
    "oauth/test_token.py",
    "oauth/test_userinfo.py",
)
NEEDS_MODES = "settings/test_config_file.py::test_saving_creates_a_private_file_with_a_table_for_the_profile"


def test_unit_tests_pass_on_windows(windows_python: Windows) -> None:
    names = [windows_path(TESTS / name) for name in CHOSEN]
    options = ("-q", "-p", "no:cacheprovider", "--deselect", NEEDS_MODES, "--rootdir", windows_path(TESTS))
    end = wait_on_windows(windows_python.start("-m", "pytest", *options, *names))
    assert end.code == 0, end.out
