"""Examples in documents: their code, and running it through the whole pipeline."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def blocks(language: str, page: str, start: str = "") -> str:
    """Join the code blocks of a page in a language, those that begin with a regular expression."""
    return "\n".join(re.findall(rf"```{language}\n({start}.*?)```", (ROOT / page).read_text(), re.DOTALL))


def run(folder: Path, config: str) -> None:
    """Run a config in a folder to its end."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--snakefile", str(ROOT / "Snakefile")]
    done = subprocess.run(
        [*command, "--directory", str(folder), "--configfile", str(folder / config)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
