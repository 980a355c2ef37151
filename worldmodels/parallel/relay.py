"""What the ranks print is passed on; what mpirun says of its own when a run ends badly is not.

It blames the wrong rank, at length. The one line that a rank reports (ranks.report) says more.
"""

import re
import threading

# How lines of mpirun or ssh begin: [mpiexec@host], [proxy:0@host], [host:pid], ...
OWN = re.compile(rb"\[(mpiexec@|proxy:|[^\s\]]+:\d+\])|ssh: |Connection to |client_loop: |Killed by signal")
MPICH_RULE, OPENMPI_RULE = re.compile(rb"={83,}"), re.compile(rb"-{74}")


class Relay(threading.Thread):
    """Copies a stream of mpirun's to the file descriptor `number`, until it ends.

    reported: whether a rank has said why the run ends; what others say after it is dropped. own: the lines of mpirun
    itself. failure: the OSError if our output is closed, or its disk full.
    """

    def __init__(self, stream, number):
        super().__init__(daemon=True)
        self.stream, self.number = stream, number
        self.reported, self.own, self.failure = False, [], None
        self.inside = b""  # a text of mpirun's: which kind
        self.start()

    def run(self):
        try:
            with open(self.number, "wb", closefd=False) as output:  # a stopped reader would lock sys.stdout at our end
                self._copy(output)
        except OSError as error:
            self.failure = error
        self.stream.read()  # mpirun must not wait for us

    def _copy(self, output):
        rest, blank = b"", b""  # MPICH's text, the last thing it prints, begins with an empty line
        while data := self.stream.read1(65536):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                if not line:
                    blank += b"\n"
                    continue
                if self._passes(line.rstrip(b"\r").rpartition(b"\r")[2]):
                    output.write(blank + line + b"\n")
                blank = b""
            if rest.startswith(b"\r"):  # a progress bar, whose line does not end
                output.write(rest)
                rest = b""
            output.flush()
        output.write(rest)

    def _passes(self, line):
        """Whether a line is one of the ranks', and not dropped."""
        if MPICH_RULE.fullmatch(line):
            self.inside = b"="  # a text of MPICH, to the end
        elif OPENMPI_RULE.fullmatch(line) and self.inside != b"=":
            self.inside = b"" if self.inside else b"-"  # a text of Open MPI, which ends as it begins
        elif self.inside or OWN.match(line):
            self.own.append(line.decode(errors="replace"))
        elif not self.reported:
            self.reported = line.startswith(b"error: ")
            return True
        return False
