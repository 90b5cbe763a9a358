#!/usr/bin/env bash
# Runs a sweep on all nodes of one Slurm job: Ray's head and the command on the first, workers on all.
#
#   sbatch --nodes=4 --gpus-per-node=4 deploy/slurm.sh sweeps/quickstart.yaml --out /shared/results
#
# The words after the script are those of `repertoire run`. --out and --store must be on a file system
# that all nodes share, or the store in a bucket. No stage starts that would not end before the job
# does; what is left then is continued by the same job, which Slurm queues again.
#SBATCH --job-name=repertoire
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=06:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=repertoire-%j.log
set -euo pipefail

max_restarts=${REPERTOIRE_MAX_RESTARTS:-50}
# A folder of this job's own, and short: Ray's sockets lie below it, and their paths have 107 bytes.
folder=/tmp/r$SLURM_JOB_ID
port=$((20000 + SLURM_JOB_ID % 20000))
cpus=${SLURM_CPUS_PER_TASK:-${SLURM_CPUS_ON_NODE:-1}}
gpus=${SLURM_GPUS_ON_NODE:-0}
export RAY_USAGE_STATS_ENABLED=0
# Others on the network may reach Ray's ports, so its processes ask each other for a token of this job.
export RAY_AUTH_MODE=token
RAY_AUTH_TOKEN=$(od -A n -N 32 -t x1 /dev/urandom | tr -d ' \n')
export RAY_AUTH_TOKEN

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
on_head=(srun --overlap --nodes=1 --ntasks=1 "--nodelist=${nodes[0]}")
on_all=(srun --overlap "--nodes=${#nodes[@]}" "--ntasks=${#nodes[@]}" --ntasks-per-node=1)
# Not the loopback address, which a node's own name has on some systems: other nodes would not reach it.
head_ip=$("${on_head[@]}" bash -c 'hostname --ip-address; hostname --all-ip-addresses' | awk '
    { for (i = 1; i <= NF; i++) { if (first == "") first = $i
                                  if (ip == "" && $i !~ /^127\.|:/) ip = $i } }
    END { print ip == "" ? first : ip }')
address=$head_ip:$port

driver=
terminated=
on_term() {
    terminated=1
    # Running stages finish and are stored; the command then ends by itself.
    if [[ -n $driver ]]; then kill -TERM "$driver" 2>/dev/null || true; fi
}
clean_up() {
    trap - EXIT
    kill "${rays[@]}" 2>/dev/null || true
    wait "${rays[@]}" 2>/dev/null || true
    "${on_all[@]}" rm -rf "$folder" || true
}
rays=()
trap on_term TERM
trap clean_up EXIT

"${on_head[@]}" ray start --head --block "--node-ip-address=$head_ip" "--port=$port" \
    "--temp-dir=$folder" "--num-cpus=$cpus" "--num-gpus=$gpus" --include-dashboard=false &
rays+=($!)
for second in $(seq 120); do
    if ray health-check --address "$address" >/dev/null 2>&1; then break; fi
    if ! kill -0 "${rays[0]}" 2>/dev/null || ((second == 120)); then
        echo "slurm.sh: Ray's head did not start on ${nodes[0]} ($address)" >&2
        exit 1
    fi
    sleep 1
done
if ((${#nodes[@]} > 1)); then
    others=$((${#nodes[@]} - 1))
    srun --overlap "--nodes=$others" "--ntasks=$others" --ntasks-per-node=1 "--exclude=${nodes[0]}" \
        ray start --block "--address=$address" "--num-cpus=$cpus" "--num-gpus=$gpus" &
    rays+=($!)
fi

said=$(mktemp -d "${TMPDIR:-/tmp}/repertoire.XXXXXX")
mkfifo "$said/pipe"
tee "$said/log" <"$said/pipe" &
copy=$!
if [[ -z $terminated ]]; then
    repertoire run "$@" --address "$address" >"$said/pipe" 2>&1 &
    driver=$!
else
    : >"$said/pipe"
fi
code=1
while [[ -n $driver ]]; do # a trapped signal ends `wait` early
    code=0
    wait "$driver" || code=$?
    kill -0 "$driver" 2>/dev/null || break
done

wait "$copy" || true
continues=$(grep -c "and the same command continues" "$said/log" || true)
idle=$(grep -c "^0 stages computed" "$said/log" || true)
rm -rf "$said"
case $code in
1) unfinished=$((${#terminated} + continues)) ;;
129 | 143) unfinished=${#terminated} ;; # the signal came before the command could handle it
*) unfinished=0 ;;
esac
if ((unfinished > 0)); then
    if ((idle > 0)) && [[ -z $terminated ]]; then
        echo "slurm.sh: no stage fits into this job; give it more --time" >&2
    elif ((${SLURM_RESTART_COUNT:-0} < max_restarts)); then
        echo "slurm.sh: job $SLURM_JOB_ID is queued again to continue"
        scontrol requeue "$SLURM_JOB_ID"
        exit 0
    else
        echo "slurm.sh: queued $max_restarts times already (REPERTOIRE_MAX_RESTARTS)" >&2
    fi
fi
exit "$code"
