"""Report of runs as one page for the browser."""

import sys

from aspis_mpi.__main__ import main

if __name__ == '__main__':
    sys.exit(main(['report', *sys.argv[1:]]))
