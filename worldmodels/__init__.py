"""World Models (Ha & Schmidhuber, 2018): V, M, C, evolution and the rollout loop, each written once for every task."""
