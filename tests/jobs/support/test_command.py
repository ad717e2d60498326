"""How jobs end: a user's error is one line, Ctrl-C a word, a fault of the program a traceback."""

from __future__ import annotations

import pytest

from lth_core.jobs.support.command import command
from lth_core.storage.errors import ArtifactError


def ended_by(error: BaseException) -> int:
    """The exit status of a job that meets `error`."""

    @command
    def main() -> None:
        raise error

    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code


def test_a_users_error_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended_by(ArtifactError("a.safetensors: damaged;\n delete it")) == 1
    assert capsys.readouterr().err == "error: a.safetensors: damaged; delete it\n"


def test_control_c_is_one_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended_by(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(ValueError, match="of another library"):
        ended_by(ValueError("of another library"))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "no more to be had"),
        (MemoryError("Unable to allocate 9.31 GiB for an array"), "Unable to allocate 9.31 GiB for an array"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory\nstack"), "[enforce fail] DefaultCPU"),
    ],
)
def test_memory_that_runs_out_is_one_line(error: Exception, reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended_by(error) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: out of memory ({reason}")
    assert line.endswith("; run fewer jobs at once or smaller cohorts")


def test_another_runtime_error_is_a_fault_of_the_program() -> None:
    with pytest.raises(RuntimeError, match="shape"):
        command(torch_fault)()


def torch_fault() -> None:
    raise RuntimeError("shape mismatch")
