#!/usr/bin/env bash
# SLURM requeues a whole array when its last task requeues itself by number.
#
# Tasks of an array get job numbers of their own when they start, but the last
# one keeps that of the array.  `scontrol requeue $SLURM_JOB_ID` within a task
# so means that task alone, or, of the last one, every task, those that are
# completed too, which then run again.  $SLURM_ARRAY_JOB_ID_$SLURM_ARRAY_TASK_ID
# always means the task.  SLURM 22.05.8 (Debian 12), one node of this machine,
# an array of three, of which only the last one requeues itself, once; starts
# of each task, seen:
#
#     by $SLURM_JOB_ID                   task 1: 2    task 2: 2    task 3: 2
#     by array and task                  task 1: 1    task 2: 1    task 3: 2
#
# Ends with 1 if that changes.  As root, with the package slurm-wlm.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"
if ! command -v slurmctld > /dev/null; then
    apt-get install --yes --no-install-recommends 'slurm-wlm=22.05.8*' munge
fi > /dev/null 2>&1
folder=$(mktemp -d)
pids=()
leave() {
    kill "${pids[@]}" 2> /dev/null || true
    wait
    rm -rf -- "$folder"
}
trap leave EXIT
port=$((20000 + RANDOM % 20000))
mkdir "$folder/state" "$folder/spool"
head -c 1024 /dev/urandom > "$folder/key"
chmod 600 "$folder/key"
cat > "$folder/slurm.conf" <<CONF
ClusterName=finding
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$port
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthInfo=socket=$folder/munge,cred_expire=5
StateSaveLocation=$folder/state
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmdSpoolDir=$folder/spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=1,sched_interval=1
NodeName=n1 NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 \
Port=$((port + 1)) CPUs=8 RealMemory=1000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
CONF
export SLURM_CONF="$folder/slurm.conf"
munged --foreground --force --socket="$folder/munge" \
    --key-file="$folder/key" --pid-file="$folder/munged.pid" \
    --seed-file="$folder/seed" > "$folder/munged.log" 2>&1 &
pids+=($!)
sleep 1
slurmctld -D > "$folder/slurmctld.log" 2>&1 & pids+=($!)
slurmd -D -N n1 > "$folder/slurmd.log" 2>&1 & pids+=($!)
for _ in {1..40}; do
    sinfo -h -o %t 2> /dev/null | grep -q idle && break
    sleep 0.5
done

# The last task waits for the others; after its second start it ends.
cat > "$folder/task.sh" <<'TASK'
#!/bin/sh
echo >> "starts-$SLURM_ARRAY_TASK_ID"
if [ "$SLURM_ARRAY_TASK_ID" = 3 ] && [ "$(wc -l < starts-3)" = 1 ]; then
    sleep 5
    scontrol requeue "$(eval echo "$HOW")"
    sleep 60
fi
TASK
starts() {
    mkdir "$folder/$1"
    (cd "$folder/$1" && HOW=$2 sbatch --parsable --array=1-3 --requeue \
        --output=out-%a "$folder/task.sh") > /dev/null
    for _ in {1..55}; do
        sleep 1
        [ -n "$(squeue -h)" ] || break
    done
    echo "$1 $(for i in 1 2 3; do wc -l < "$folder/$1/starts-$i"; done | xargs)"
}
slurmctld -V
# shellcheck disable=SC2016
{
    starts by-number '$SLURM_JOB_ID'
    starts by-task '${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID'
} | tee "$folder/said"
diff "$folder/said" - <<'SEEN'
by-number 2 2 2
by-task 1 1 2
SEEN
