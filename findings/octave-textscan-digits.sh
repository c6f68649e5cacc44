#!/usr/bin/env bash
# Octave's textscan reads other floats than stand in the text, dlmread none.
#
# Versions: GNU Octave 7.3.0 of Debian 12.
#
# A float that is written with the digits which tell it from all others
# (Python's repr, R's and JavaScript's shortest form) should be read back with
# the same bits.  textscan('%f') multiplies digit by digit in double precision:
# its last digit, or last two, are often wrong, of 19-digit integers several,
# the smallest floats become 0 and the largest ones Inf.  dlmread, str2double,
# sscanf and fscanf of the same Octave are exact.  So tables that are read by
# textscan, as its documentation advises for CSV with words among the numbers,
# do not compare equal with what was written.
#
# Output seen:
#
#     text                     textscan                 dlmread
#     0.30000000000000004      0.3000000000000001       0.30000000000000004
#     2.0000000000000004       2.0000000000000004       2.0000000000000004
#     6894772333508031139      6.8947723335080305e+18   6.8947723335080315e+18
#     1.7976931348623157e308   Inf                      1.7976931348623157e+308
#     5e-324                   0                        4.9406564584124654e-324
#     4 of 5 are wrong by textscan, 0 of 5 by dlmread
#
# Needs octave-cli, or apt-get, dpkg-deb and the right to chroot: then Debian's
# packages are unpacked into a temporary folder (150 MB), none is installed.
# Exits with 1 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root"/{tmp,dev,usr/bin,usr/sbin,usr/lib,usr/lib64}
cat > "$root/tmp/digits.m" <<'OCTAVE'
texts = {'0.30000000000000004', '2.0000000000000004', ...
         '6894772333508031139', '1.7976931348623157e308', '5e-324'};
place = tempname();
file = fopen(place, 'w');
fprintf(file, '%s\n', texts{:});
fclose(file);
file = fopen(place);
scanned = textscan(file, '%f'){1};
fclose(file);
read = dlmread(place);
delete(place);
exact = cellfun(@(text) eval([text ';']), texts)';
printf('%-25s%-25s%s\n', 'text', 'textscan', 'dlmread');
for i = 1:numel(texts)
  printf('%-25s%-25s%s\n', texts{i}, num2str(scanned(i), '%.17g'), ...
         num2str(read(i), '%.17g'));
end
printf('%d of 5 are wrong by textscan, %d of 5 by dlmread\n', ...
       sum(scanned != exact), sum(read != exact));
OCTAVE
if command -v octave-cli > /dev/null; then
    seen=$(octave-cli --no-init-file --quiet "$root/tmp/digits.m")
else
    mkdir -p "$work/archives/partial"
    : > "$work/status"
    apt-get -qq -o Dir::State::status="$work/status" \
        -o Dir::Cache::archives="$work/archives" -o Debug::NoLocking=1 \
        -o APT::Sandbox::User=root --download-only --yes \
        --no-install-recommends install base-files coreutils libc-bin octave \
        > /dev/null
    for folder in bin sbin lib lib64; do
        ln -s "usr/$folder" "$root/$folder"
    done
    for package in "$work"/archives/*.deb; do
        dpkg-deb --extract "$package" "$root"
    done
    libraries=/usr/lib/x86_64-linux-gnu
    # Unpacked only, it ends with an error of its own when all is done.
    seen=$(chroot "$root" /usr/bin/env -i PATH=/usr/bin HOME=/tmp \
        LD_LIBRARY_PATH="$libraries/blas:$libraries/lapack" \
        octave-cli --no-init-file --quiet /tmp/digits.m 2> /dev/null || true)
fi
echo "$seen"
[ "$(tail -1 <<< "$seen")" = \
    '4 of 5 are wrong by textscan, 0 of 5 by dlmread' ]
