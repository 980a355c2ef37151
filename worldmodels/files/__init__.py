"""Every file is written whole or not at all, and read with a clear word about what is wrong with it."""
