#!/usr/bin/env bash
# snakemake 9.27.1: `onstart`, `onsuccess` and `onerror` of a workflow that another one imports with `module` never run,
# and nothing says so; run by itself the same file runs them. Set-up that a workflow does in `onstart` (a lock, a server, a
# check) is silently missing wherever it is imported.
# Seen: by itself "started: imported"; imported only "started: importer".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check snakemake==9.27.1
cd "$folder"
cat > imported.smk <<'SNAKEFILE'
rule make:
    output:
        "made.txt",
    shell:
        "touch {output}"


onstart:
    print("started: imported")
SNAKEFILE
cat > importer.smk <<'SNAKEFILE'
module other:
    snakefile:
        "imported.smk"


use rule * from other


onstart:
    print("started: importer")
SNAKEFILE
run() {
    rm -f made.txt
    "$folder/venv/bin/python" -m snakemake --cores 1 --quiet all --snakefile "$1" made.txt 2>&1 | grep '^started' | sort | uniq
}
alone=$(run imported.smk)
within=$(run importer.smk)
printf 'by itself: %s\nimported: %s\n' "$alone" "$within"
[ "$alone" = "started: imported" ]
[ "$within" = "started: importer" ]
