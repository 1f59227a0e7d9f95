#!/bin/bash
# An array of Slurm: each task does one share of the list. Start it with `sbatch slurm.sh`.
#SBATCH --job-name=unlabel
#SBATCH --array=0-63
#SBATCH --cpus-per-task=4
#SBATCH --requeue
# A minute before its time is up a task finishes the files in hand and ends with 143.
#SBATCH --signal=B:TERM@60

# How many shares there are is written down: SLURM_ARRAY_TASK_COUNT is 1 where one task is submitted again by itself.
SHARES=${SHARES:-64}
cd "${DATA:-/data}" || exit 2
mkdir -p report
exec unlabel strip --labels labels.json --files0-from manifest0 \
    --shard-index "$SLURM_ARRAY_TASK_ID" --shard-count "$SHARES" --jobs "${SLURM_CPUS_PER_TASK:-1}" \
    --to out/ --if-exists skip --resume "report/$SLURM_ARRAY_TASK_ID.jsonl" --quiet
