#!/usr/bin/env bash
# Run a part of the tests, with one whole run, on another Python: in a clone with an environment of its own.
# usage: tests/support/on_python.sh VERSION (such as 3.13)
# Exit status 77: that Python, or packages for it, cannot be had here.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=$1
tests=(tests/analysis tests/data tests/planning tests/storage tests/training tests/workflow/test_rebuilding.py)

find_python() { # on PATH, or among the versions of pyenv
    for candidate in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python; do
        "$candidate" -c 'import sys; print(sys.executable)' 2>/dev/null && return
    done
    echo "No Python $version was found: the tests on it are skipped." >&2
    exit 77
}

python=$(find_python)
folder=$(mktemp --directory)
trap 'rm -rf "$folder"' EXIT
git clone --quiet . "$folder/lth"
cd "$folder/lth"
make venv PYTHON="$python" >/dev/null || {
    echo "The packages cannot be installed for Python $version: the tests on it are skipped." >&2
    exit 77
}
PATH="$PWD/.venv/bin:$PATH" .venv/bin/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile \
    --no-loadscope-reorder --quiet "${tests[@]}"
