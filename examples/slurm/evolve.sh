#!/bin/sh
# Evolve C on as many nodes as 64 workers and rank 0 take. In the task's folder, with the environment activated:
#   sbatch ../examples/slurm/evolve.sh [options of train.py]
#   sbatch --ntasks 257 ../examples/slurm/evolve.sh      (256 workers)
# A job that has met its time limit, lost a node or been cancelled goes on when it is submitted again.
#SBATCH --job-name=evolve
#SBATCH --ntasks=65
#SBATCH --mem-per-cpu=1G
#SBATCH --time=1-0
#SBATCH --open-mode=append
#SBATCH --requeue

# pmi2: how srun tells MPICH's ranks of one another. Without the second option the others would wait for a lost rank.
exec srun --mpi=pmi2 --kill-on-bad-exit=1 python train.py "$@"
