#!/usr/bin/env bash
# The log of a run, opened by programs that have nothing to do with Python.
#
#     bash tests/readers/run.sh
#     bash tests/readers/run.sh --keep FOLDER
#
# A run under spot checks is simulated that exposes a worker and goes back.
# Then GNU Octave, R (hdf5r and rhdf5), h5dump, and under node two readers for
# browsers (h5wasm and jsfive) read every table and array of its log, and R
# and Octave the CSV files of its export.  compare.py compares all numbers with
# ours and prints a table; it ends with 1 where a tool reads more or less than
# is known of it, which docs/logs.md tells.
#
# Programs that are not on PATH are unpacked into a temporary folder: Debian's
# packages octave, r-cran-hdf5r, r-bioc-rhdf5 and hdf5-tools (220 MB, by
# apt-get and dpkg-deb; nothing is installed), jsfive and h5wasm by npm.  What
# cannot be had is said to be missing.  With a network it takes two minutes;
# outside of CI.
#
# Seen with Octave 7.3.0, R 4.2.2, hdf5r 1.3.8, rhdf5 2.42.0, h5dump 1.10.8,
# h5wasm 0.10.3, jsfive 0.4.2, node 20.20.2.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
if [ "${1:-}" = --keep ]; then
    work=$(mkdir -p -- "$2" && cd -- "$2" && pwd -P)
else
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
fi
root=$work/root data=$work/root/data
debian=(octave r-cran-hdf5r r-bioc-rhdf5 hdf5-tools)
node=(jsfive@0.4.2 h5wasm@0.10.3)

say() {
    printf 'readers: %s\n' "$*" >&2
}

# Unpacks packages and all that they need, as onto an empty machine.
unpack() {
    local place=$work/packages
    mkdir -p "$place/archives/partial" "$root"/{tmp,dev,proc} \
        "$root"/usr/{bin,sbin,lib,lib64}
    : > "$place/status"
    apt-get -qq -o Dir::State::status="$place/status" \
        -o Dir::Cache::archives="$place/archives" -o Debug::NoLocking=1 \
        -o APT::Sandbox::User=root --download-only --yes \
        --no-install-recommends install base-files bash coreutils dash \
        debianutils grep libc-bin sed "$@" > /dev/null
    local folder package
    for folder in bin sbin lib lib64; do
        ln -sfn "usr/$folder" "$root/$folder"
    done
    for package in "$place"/archives/*.deb; do
        dpkg-deb --extract "$package" "$root"
    done
    # What their scripts would do that install them.
    ln -sf dash "$root/bin/sh"
    ln -sf which.debianutils "$root/usr/bin/which"
    cp "$root/usr/lib/R/etc/Renviron.ucf" "$root/etc/R/Renviron"
    touch "$root/dev/null"
}

# Runs a program of the unpacked ones, which see the data in /data.
unpacked() {
    local enter=(chroot)
    [ "$(id -u)" = 0 ] || enter=(unshare --map-root-user chroot)
    local libraries=/usr/lib/x86_64-linux-gnu
    "${enter[@]}" "$root" /usr/bin/env -i PATH=/usr/bin:/bin HOME=/tmp \
        LC_ALL=C.UTF-8 OMP_NUM_THREADS=1 \
        LD_LIBRARY_PATH="$libraries/blas:$libraries/lapack" "$@"
}

has() {
    command -v "$1" > /dev/null
}

mkdir -p "$data"
python "$here/compare.py" make "$data"
cp "$here"/read.{R,m,mjs} "$data"

if has octave-cli && has h5dump && has Rscript &&
        Rscript -e 'library(hdf5r); library(rhdf5)' > /dev/null 2>&1; then
    in_place() { "$@"; }
    seen=$data
elif has apt-get && has dpkg-deb && unpack "${debian[@]}"; then
    in_place() { unpacked "$@"; }
    seen=/data
else
    say "missing: the packages ${debian[*]} of Debian or its like"
    seen=
fi
if [ -n "$seen" ]; then
    # Unpacked only, Octave ends with an error of its own when all is done.
    in_place octave-cli --no-init-file --quiet "$seen/read.m" "$seen" \
        > "$work/octave.txt" 2>&1 || say "Octave ends with an error"
    in_place Rscript "$seen/read.R" "$seen" > "$work/R.txt" 2>&1 ||
        say "R ends with an error: $(tail -1 "$work/R.txt")"
    mkdir -p "$data/h5dump"
    in_place h5dump --version > "$data/h5dump/version"
    while IFS=$'\t' read -r path _; do
        in_place h5dump --dataset="/$path" --binary=FILE \
            --output="$seen/h5dump/${path//\//.}.raw" "$seen/RUN.h5" \
            > /dev/null || say "h5dump: $path"
    done < "$data/paths"
fi
if has node && has npm; then
    (cd "$data" && npm install --silent --no-audit --no-fund "${node[@]}" &&
        node read.mjs .) || say 'node ends with an error'
else
    say 'missing: node and npm'
fi
python "$here/compare.py" compare "$data"
