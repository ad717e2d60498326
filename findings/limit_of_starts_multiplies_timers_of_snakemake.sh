#!/usr/bin/env bash
# snakemake 9.27.1: whenever its scheduler looks for jobs to start it also sets a timer of one second for another look (for
# the limit of job starts, --max-jobs-per-timespan, which is on by default), and that look sets the next. Each job that
# ends adds one look, so that after n jobs there are n timers, each a thread, and n looks per second for as long as a job
# waits for a core.
# Seen: 41 timers and 164 looks in 4 seconds while one job sleeps and one waits, after 40 others have ended; with
# `workflow.scheduler.job_rate_limiter = None` in onstart no timer and no look.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check snakemake==9.27.1
cd "$folder"
cat > Snakefile <<'SNAKEFILE'
import os, threading, time
from snakemake.scheduling.job_scheduler import JobScheduler

looks, seen = [], []
look = JobScheduler._finish_jobs
JobScheduler._finish_jobs = lambda self: (looks.append(time.time()), look(self))[1]


def watch():
    while not os.path.exists("asleep"):
        time.sleep(0.1)
    time.sleep(1)
    first = len(looks)
    time.sleep(4)
    seen.append((sum(isinstance(t, threading.Timer) for t in threading.enumerate()), len(looks) - first))


if workflow.is_main_process:
    watching = threading.Thread(target=watch, daemon=True)
    watching.start()

onstart:
    if config.get("limit") == "off":
        workflow.scheduler.job_rate_limiter = None

onsuccess:
    print("timers and looks:", *seen[0])

rule all:
    input: "last"

rule last:
    input: "slept", "waiting"
    output: "last"
    shell: "touch {output}"

rule sleep:
    input: expand("quick{number}", number=range(40))
    output: "slept"
    shell: "touch asleep; sleep 7; touch {output}"

rule wait:
    output: "waiting"
    priority: -1
    shell: "touch {output}"

rule quick:
    output: "quick{number}"
    shell: "touch {output}"
SNAKEFILE
for limit in on off; do
    rm -rf quick* asleep slept waiting last .snakemake
    venv/bin/snakemake --cores 1 --quiet all --config limit=$limit > "$limit.txt" 2> "$limit.log" || { cat "$limit.log"; exit 1; }
    grep "timers and looks" "$limit.txt" | sed "s/^/limit $limit: /"
done
read -r timers looks < <(sed -n 's/timers and looks: //p' on.txt)
[ "$timers" -ge 40 ]
[ "$looks" -ge 120 ]
read -r timers looks < <(sed -n 's/timers and looks: //p' off.txt)
[ "$timers" -eq 0 ]
[ "$looks" -eq 0 ]
