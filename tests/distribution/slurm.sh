#!/usr/bin/env bash
# A Slurm cluster of this machine alone, without systemd and control groups: start FOLDER, or stop FOLDER.
# Everything it keeps is in the folder: key, sockets, spool, logs, process numbers.
set -euo pipefail
what="$1" folder="$2"
PATH="$PATH:/usr/sbin:/sbin"  # where daemons are

stop() {
    for name in slurmd slurmctld munged; do
        [[ -s "$folder/$name.pid" ]] || continue
        number="$(cat "$folder/$name.pid")"
        kill "$number" 2>/dev/null || continue
        for _ in $(seq 20); do kill -0 "$number" 2>/dev/null || continue 2; sleep 0.1; done
        kill -9 "$number" 2>/dev/null || true
    done
    if [[ -s "$folder/munge.folder" ]]; then rm -rf "$(cat "$folder/munge.folder")"; fi
}

free_port() {
    python3 -c 'import socket; s = socket.create_server(("", 0)); print(s.getsockname()[1])'
}

if [[ "$what" == stop ]]; then
    stop
    exit 0
fi

mkdir -p "$folder"/{state,spool}
chmod 755 "$folder"
# munged starts only where nobody else can write to what is above its socket; a test's folder may be below one.
munge="$(mktemp -d /run/hefted-munge.XXXXXX)"
chmod 755 "$munge"
echo "$munge" > "$folder/munge.folder"
dd if=/dev/urandom of="$munge/key" bs=64 count=1 status=none
chmod 400 "$munge/key"
munged --force --key-file="$munge/key" --socket="$munge/socket" --pid-file="$folder/munged.pid" \
    --log-file="$munge/log" --seed-file="$munge/seed"

host="$(hostname -s)"
cat > "$folder/slurm.conf" <<CONF
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$munge/socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerType=sched/builtin
SelectType=select/linear
MpiDefault=none
ReturnToService=2
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF="$folder/slurm.conf"
slurmctld -f "$SLURM_CONF"
slurmd -f "$SLURM_CONF" -N "$host"
for _ in $(seq 250); do
    if sinfo --noheader --format %T 2>/dev/null | grep -q idle; then exit 0; fi
    sleep 0.2
done
sinfo || true
tail -n 20 "$folder"/slurmctld.log "$folder"/slurmd.log >&2
stop
exit 1
