"""Work spread over processes: MPI ranks for evolution, plain processes for everything else."""
