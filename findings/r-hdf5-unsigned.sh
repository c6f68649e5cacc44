#!/usr/bin/env bash
# R reads large unsigned numbers of HDF5 as other ones, and rhdf5 nothing empty.
#
# Versions: R 4.2.2, hdf5r 1.3.8, rhdf5 2.42.0 of Debian 12; h5py 3.16.0
# (HDF5 2.0.0) writes the file, Python 3.11.
#
# R has no unsigned 64-bit integers.  hdf5r gives integer64 and says that it
# loses nothing (its default is H5TOR_CONV_INT64_NOLOSS), but whatever is above
# 2^63 - 1 becomes 2^63 - 1, without a warning: half of all random seeds or
# hashes look alike.  rhdf5 gives NA with a warning, by default for whatever
# is above 2^31 - 1, with bit64conversion = 'bit64' above 2^63 - 1;
# with 'double' it rounds.  A table (a compound type) without rows, which hdf5r
# reads, is an error of rhdf5 ("Not enough memory to read data!"), and so is an
# array of 64-bit integers without rows; other arrays are read.
#
# Output seen:
#
#     in the file            3000000000 9223372036854775808 13169382985505886126
#     hdf5r                  3000000000 9223372036854775807 9223372036854775807
#     hdf5r, warnings        0
#     rhdf5                  NA NA NA
#     rhdf5, bit64           3000000000 NA NA
#     rhdf5, double          3e+09 9223372036854775808 13169382985505886208
#     empty table, hdf5r     0 rows
#     empty table, rhdf5     an error
#     empty int64, rhdf5     an error
#     empty uint8, rhdf5     0 values
#
# Needs Rscript with both packages, or apt-get, dpkg-deb and the right to
# chroot: then Debian's packages are unpacked into a temporary folder (100 MB),
# none is installed.  Exits with 1 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root"/{tmp,dev,usr/bin,usr/sbin,usr/lib,usr/lib64}
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --only-binary :all: h5py==3.16.0
"$work/venv/bin/python" - "$root/tmp/numbers.h5" <<'PYTHON'
import sys

import h5py
import numpy as np

with h5py.File(sys.argv[1], 'w') as file:
    file['numbers'] = np.array([3_000_000_000, 2 ** 63, 13169382985505886126],
                               'u8')
    file['table'] = np.empty(0, [('step', 'i8'), ('kind', 'u1')])
    file['int64'] = np.empty((0, 2), 'i8')
    file['uint8'] = np.empty((0, 2), 'u1')
PYTHON
cat > "$root/tmp/numbers.R" <<'R'
suppressMessages({library(hdf5r); library(rhdf5); library(bit64)})
path <- commandArgs(TRUE)[1]
say <- function(what, ...) cat(sprintf('%-22s', what), ..., '\n')
warned <- 0
file <- hdf5r::H5File$new(path, 'r')
by_hdf5r <- withCallingHandlers(
  as.character(file[['numbers']]$read()), warning = function(it) warned <<- 1)
say('hdf5r', by_hdf5r)
say('hdf5r, warnings', warned)
quiet <- function(kind) suppressWarnings(as.character(
  h5read(path, 'numbers', bit64conversion = kind)))
say('rhdf5', quiet('int'))
say('rhdf5, bit64', quiet('bit64'))
say('rhdf5, double', quiet('double'))
say('empty table, hdf5r', nrow(file[['table']]$read()), 'rows')
for (name in c('table', 'int64', 'uint8')) {
  say(sprintf('empty %s, rhdf5', name), tryCatch(
    paste(length(h5read(path, name)), 'values'),
    error = function(it) 'an error'))
}
R
if Rscript -e 'library(hdf5r); library(rhdf5)' > /dev/null 2>&1; then
    seen=$(Rscript "$root/tmp/numbers.R" "$root/tmp/numbers.h5" 2> /dev/null)
else
    mkdir -p "$work/archives/partial"
    : > "$work/status"
    apt-get -qq -o Dir::State::status="$work/status" \
        -o Dir::Cache::archives="$work/archives" -o Debug::NoLocking=1 \
        -o APT::Sandbox::User=root --download-only --yes \
        --no-install-recommends install base-files bash coreutils dash \
        debianutils grep libc-bin sed r-cran-hdf5r r-bioc-rhdf5 > /dev/null
    for folder in bin sbin lib lib64; do
        ln -s "usr/$folder" "$root/$folder"
    done
    for package in "$work"/archives/*.deb; do
        dpkg-deb --extract "$package" "$root"
    done
    # What their scripts would do that install them.
    ln -sf dash "$root/bin/sh"
    ln -sf which.debianutils "$root/usr/bin/which"
    cp "$root/usr/lib/R/etc/Renviron.ucf" "$root/etc/R/Renviron"
    touch "$root/dev/null"
    libraries=/usr/lib/x86_64-linux-gnu
    seen=$(chroot "$root" /usr/bin/env -i PATH=/usr/bin:/bin HOME=/tmp \
        LC_ALL=C.UTF-8 LD_LIBRARY_PATH="$libraries/blas:$libraries/lapack" \
        Rscript /tmp/numbers.R /tmp/numbers.h5 2> /dev/null)
fi
printf '%-22s %s\n' 'in the file' \
    '3000000000 9223372036854775808 13169382985505886126'
echo "$seen"
grep -q '^hdf5r  *3000000000 9223372036854775807 9223372036854775807' \
    <<< "$seen"
grep -q '^hdf5r, warnings  *0' <<< "$seen"
grep -q '^rhdf5  *NA NA NA' <<< "$seen"
grep -q '^empty table, rhdf5  *an error' <<< "$seen"
