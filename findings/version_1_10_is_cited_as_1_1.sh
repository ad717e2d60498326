#!/usr/bin/env bash
# cffconvert 2.0.0: `version: 1.10` in a CITATION.cff is valid, as `version: 0.9` is, and is cited as version 1.1: YAML
# reads a number. The citation names a release that exists and is another one. Versions of three parts are text.
# Seen: "Citation metadata are valid", then "t (version 1.1)."
# A test of lth compares the version in CITATION.cff with the package's, as text: tests/test_installed.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cffconvert==2.0.0
cd "$folder"
printf '%s\n' 'cff-version: 1.2.0' 'message: cite it' 'title: t' 'version: 1.10' 'authors:' '  - name: a' > CITATION.cff
"$folder/venv/bin/cffconvert" --validate
"$folder/venv/bin/cffconvert" --format apalike | tee seen
grep -qF 'version 1.1)' seen
