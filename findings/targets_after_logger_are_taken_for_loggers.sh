#!/usr/bin/env bash
# Snakemake 9.27.1: --logger takes any number of names, as its help says in "LOGGER [LOGGER ...]". A target that follows it is
# taken for one more plugin: `snakemake --logger NAME out.txt` ends with a message about an invalid choice of loggers, while
# `snakemake out.txt --logger NAME` works. Nobody who adds `--logger NAME` in front of a command that worked expects it.
# Seen: argument --logger: invalid choice: 'out.txt'
# `lth run FILE ... [OPTION ...]` puts another option after it; the README's commands have none but options behind it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check snakemake==9.27.1
cd "$folder"
mkdir snakemake_logger_plugin_quiet
cat > snakemake_logger_plugin_quiet/__init__.py <<'PYTHON'
from snakemake_interface_logger_plugins.base import LogHandlerBase


class LogHandler(LogHandlerBase):
    def __post_init__(self):
        pass

    def emit(self, record):
        pass

    writes_to_stream = writes_to_file = has_filter = has_formatter = needs_rulegraph = False
PYTHON
printf '%s\n' 'rule:' '    output: "out.txt"' '    shell: "touch {output}"' > Snakefile
export PYTHONPATH=$folder
"$folder/venv/bin/python" -m snakemake out.txt --cores 1 --logger quiet
test -e out.txt
! "$folder/venv/bin/python" -m snakemake --cores 1 --logger quiet out.txt > seen 2>&1
tail -1 seen
grep -qF "argument --logger: invalid choice: 'out.txt'" seen
