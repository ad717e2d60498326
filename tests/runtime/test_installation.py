"""What is said of optional packages that cannot be imported."""

from __future__ import annotations

import pytest

from lth_core.runtime import installation
from lth_core.runtime.installation import missing_package

MISSING = ModuleNotFoundError("No module named 'transformers'", name="transformers")


def test_the_line_names_the_command_that_installs_the_package() -> None:
    assert missing_package("transformers", "hugging-face", MISSING) == (
        "the package transformers is missing: install it with make hugging-face (without make: pip install -r "
        "requirements-hugging-face.txt)"
    )


def test_beside_an_installed_lth_there_is_no_makefile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "is_clone", lambda: False)
    assert missing_package("transformers", "hugging-face", MISSING) == (
        "the package transformers is missing: install it with pip install 'lth[hugging-face]'"
    )


def test_a_package_that_is_there_but_lacks_another_is_not_called_missing() -> None:
    lacking = ImportError("huggingface-hub>=1.0 is required,\nbut found 0.9")
    assert missing_package("transformers", "hugging-face", lacking).startswith(
        "the package transformers cannot be imported (huggingface-hub>=1.0 is required, but found 0.9): install it with"
    )
