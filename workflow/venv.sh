#!/usr/bin/env bash
# Make .venv hold what requirements.txt says; does nothing when it already does. An interrupted install starts over.
# usage: workflow/venv.sh [PYTHON]
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=${PATH//"$PWD/.venv/bin:"/} # .venv, where it is activated, must not make itself

fail() {
    echo "error: $1" >&2
    exit 1
}

suitable() { # is "$1" a Python 3.11, 3.12 or 3.13?
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

find_python() {
    for candidate in "$@"; do
        suitable "$candidate" && python=$candidate && return
    done
    found=$("$1" --version 2>/dev/null) || found="none called $1"
    fail "Python 3.11, 3.12 or 3.13 is needed, found $found; install one, or name it: make PYTHON=/path/to/python3 ..."
}

if [ ! -e .venv/unfinished ] && cmp -s requirements.txt .venv/installed.txt && suitable .venv/bin/python; then
    exit 0
fi

if [ -e .venv/unfinished ] || ! suitable .venv/bin/python; then
    if [ $# -gt 0 ]; then find_python "$1"; else find_python python3 python3.13 python3.12 python3.11; fi
    rm -rf .venv
    mkdir .venv
    touch .venv/unfinished
    "$python" -m venv --without-pip .venv || fail "$python cannot make a virtual environment (see above)"
    # Debian's Python has no ensurepip unless python3-venv is installed; its pip does as well.
    .venv/bin/python -m ensurepip >/dev/null 2>&1 ||
        "$python" -m pip --python .venv/bin/python install --quiet pip ||
        fail "$python has no pip: install it (Debian, Ubuntu: apt install python3-venv)"
fi
echo "Installing requirements.txt into .venv: once, one to three minutes (PyTorch is large) ..."
touch .venv/unfinished
.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt ||
    fail "installation failed (see above); the same command tries again"
cp requirements.txt .venv/installed.txt
rm .venv/unfinished
