"""Builds the wheel: pyproject.toml says what it is, and this adds the workflow, which lies beside the package."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

WORKFLOW = ("Snakefile", "config.yaml", "environment.yml", "config", "profiles", "workflow/bin", "workflow/rules")


class BuildWithWorkflow(build_py):
    """Copies the workflow to `lth_core/pipeline`, where lth_core/runtime/installation.py looks for it."""

    def run(self):
        super().run()
        if self.editable_mode:
            return  # it is used where it lies
        target = Path(self.build_lib, "lth_core", "pipeline")
        shutil.rmtree(target, ignore_errors=True)
        for name in WORKFLOW:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if Path(name).is_dir() else shutil.copy2
            copy(name, target / name)


setup(cmdclass={"build_py": BuildWithWorkflow})
