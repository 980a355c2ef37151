#!/bin/sh
# 10,000 expert rollouts, by 16 jobs that write into one folder. In the task's folder, with the environment activated:
#   sbatch ../examples/slurm/expert_rollouts.sh [options of generation_script.py]
# When all are done, `python generation_script.py --threads 4 --rollouts 10000` with the same options checks the whole.
#SBATCH --job-name=expert_rollouts
#SBATCH --array=1-16
#SBATCH --cpus-per-task=4
#SBATCH --mem-per-cpu=2G
#SBATCH --time=4:00:00
#SBATCH --requeue

exec python generation_script.py --threads "$SLURM_CPUS_PER_TASK" --rollouts 10000 \
  --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_MAX" "$@"
