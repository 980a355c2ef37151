#!/bin/sh
# Random rollouts, by 16 jobs that write into one folder. In the task's folder, with the environment activated:
#   sbatch ../examples/slurm/extract.sh [options of extract.py]
# When all are done, `python extract.py` with the same options checks the whole.
#SBATCH --job-name=extract
#SBATCH --array=1-16
#SBATCH --cpus-per-task=4
#SBATCH --mem-per-cpu=2G
#SBATCH --time=4:00:00
#SBATCH --requeue

exec python extract.py --workers "$SLURM_CPUS_PER_TASK" --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_MAX" "$@"
