#!/usr/bin/env bash
# A SLURM cluster for tests: two nodes that are both this machine, no systemd, no accounting, in each node two GPUs that
# do not exist.
#
#   slurm.sh install      the packages, on Debian and its relatives
#   slurm.sh up FOLDER    start it; its state and logs are in FOLDER
#   slurm.sh down FOLDER  stop it, and all of its jobs
#
# Needs root. SLURM's commands look for their configuration in /etc/slurm; one that is there already is left alone.
set -euo pipefail

fail() {
    echo "error: $1" >&2
    exit 1
}

install() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq -o Acquire::http::Timeout=10 -o Acquire::Retries=1
    apt-get install -qq -y --no-install-recommends slurmctld slurmd slurm-client munge
}

up() {
    [ ! -e /etc/slurm/slurm.conf ] || fail "/etc/slurm/slurm.conf is there: this machine belongs to a cluster"
    mkdir -p "$1" /etc/slurm
    local dir host
    dir=$(realpath "$1")
    host=$(hostname -s)
    mkdir -p "$dir"/{state,spool,log,munge}
    cat >"$dir/slurm.conf" <<CONF
ClusterName=smoke
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/munge/socket
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,batch_sched_delay=0
ReturnToService=2
MinJobAge=300
KillWait=5
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/%n.pid
SlurmctldPort=16817
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool/%n
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/%n.log
GresTypes=gpu
NodeName=n[1-2] NodeHostname=$host NodeAddr=127.0.0.1 Port=16818-16819 CPUs=$(nproc --all) RealMemory=64000 Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
    # What a job asks for must fit in; a small test machine says that it is larger than it is.
    echo "SlurmdParameters=config_overrides" >>"$dir/slurm.conf"
    echo "NodeName=n[1-2] Name=gpu File=/dev/null,/dev/zero" >"$dir/gres.conf"
    ln -s "$dir/slurm.conf" "$dir/gres.conf" /etc/slurm/
    head -c 1024 /dev/urandom >"$dir/munge/key"
    chmod 600 "$dir/munge/key"
    munged --force --key-file="$dir/munge/key" --socket="$dir/munge/socket" --pid-file="$dir/munged.pid" \
        --log-file="$dir/log/munged.log" --seed-file="$dir/munge/seed"
    slurmctld
    slurmd -N n1
    slurmd -N n2
    for _ in $(seq 80); do
        [ "$(sinfo --noheader --format=%T 2>/dev/null)" = idle ] && return
        sleep 0.25
    done
    sinfo >&2 || true
    tail -n 5 "$dir"/log/*.log >&2
    down "$dir"
    fail "the nodes did not come up (see above)"
}

down() {
    local dir pid
    dir=$(realpath "$1")
    [ "$(readlink /etc/slurm/slurm.conf)" = "$dir/slurm.conf" ] || fail "no cluster of $dir is running"
    squeue --noheader --format=%i 2>/dev/null | xargs --no-run-if-empty scancel --signal=KILL 2>/dev/null || true
    for daemon in n1 n2 slurmctld munged; do
        [ -e "$dir/$daemon.pid" ] || continue
        pid=$(cat "$dir/$daemon.pid")
        kill "$pid" 2>/dev/null || true
        for _ in $(seq 80); do
            grep -q . "/proc/$pid/cmdline" 2>/dev/null || break # empty: ended, though no one may have asked how
            sleep 0.1
        done
        kill -KILL "$pid" 2>/dev/null || true # slurmd that looks for its controller does not end
    done
    rm /etc/slurm/slurm.conf /etc/slurm/gres.conf
}

case "${1-} ${2+folder}" in
"install ") install ;;
"up folder") up "$2" ;;
"down folder") down "$2" ;;
*) fail "usage: slurm.sh install | up FOLDER | down FOLDER" ;;
esac
