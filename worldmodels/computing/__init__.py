"""How V and M compute: Keras's backend, on which device, in batches of which size."""
