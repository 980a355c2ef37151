"""Files with a wrong byte."""


def with_a_wrong_byte(path, step=1):
    """Write a file anew with one byte turned over, once for every `step`-th byte; yields after each, then mends it."""
    data = path.read_bytes()
    for place in range(0, len(data), step):
        path.write_bytes(data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :])
        yield
    path.write_bytes(data)
