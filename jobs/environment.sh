# shellcheck shell=bash
# The Python environment of this checkout, in .venv, for bash:
#
#     source jobs/environment.sh
#     mpirun --oversubscribe -n 16 python -m aspis_mpi run jobs/quickstart.toml
#
# The first time it installs, later it only puts .venv in front of PATH; what
# changed in setup.cfg is installed again.  Models that compute with torch
# need one more command, for this environment too:
#
#     bash jobs/environment.sh torch
#
# Both listen to
#
#     PYTHON           the Python to build on, 3.11 or newer (the first found)
#     PIP_INDEX_URL    and all other settings of pip
#     TORCH_INDEX_URL  where torch comes from, for example an index of CPU
#                      builds: https://download.pytorch.org/whl/cpu
#     OMP_NUM_THREADS  threads of each rank (1)

aspis_root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." > /dev/null &&
             pwd -P)

# The version that all figures and tests were made with.
aspis_torch='torch==2.13.0'


aspis_say() {
    printf 'environment: %s\n' "$*" >&2
}


# Prints the Pythons of this machine, those for an environment first: the
# oldest for .venv-lowest, the newest for .venv-newest, else the usual one.
aspis_pythons() {
    local pyenv="${PYENV_ROOT:-$HOME/.pyenv}/versions"
    case $1 in
        *-lowest) printf '%s\n' python3.11 "$pyenv"/3.11.*/bin/python3 ;;
        *-newest)
            printf '%s\n' python3.{15..13} "$pyenv"/3.{15..13}.*/bin/python3 ;;
    esac
    printf '%s\n' python3 python3.{13..11}
}


# Prints the first Python that is new enough and runs: a shim may do neither.
aspis_find_python() {
    local python
    if [ -n "${PYTHON:-}" ]; then
        set -- "$PYTHON"
    else
        mapfile -t < <(aspis_pythons "$1")
        set -- "${MAPFILE[@]}"
    fi
    for python; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
                > /dev/null 2>&1; then
            echo "$python"
            return
        fi
    done
    aspis_say "no Python 3.11 or newer runs here (tried: $*); name one:" \
        'export PYTHON=/path/to/python3'
    return 1
}


# Prints the version of a Python as 3.11.
aspis_version() {
    "$1" -c 'import sys; print("{}.{}".format(*sys.version_info))'
}


# An environment that stands keeps its Python: refuse to ignore another one.
aspis_check_python() {
    local asked stands
    [ -n "${PYTHON:-}" ] || return 0
    stands=$(aspis_version "$1/bin/python" 2> /dev/null) || return 0
    asked=$(aspis_version "$PYTHON") || return 1
    [ "$asked" != "$stands" ] || return 0
    aspis_say "PYTHON is $asked but $1 has $stands; remove it to change"
    return 1
}


# Makes an environment, or repairs one that lost its Python or its pip.
aspis_create() {
    local python
    if "$1/bin/python" -m pip --version > /dev/null 2>&1; then
        return 0
    fi
    python=$(aspis_find_python "$1") || return 1
    if ! "$python" -c 'import ensurepip, venv' > /dev/null 2>&1; then
        aspis_say "$python cannot make environments; on Debian and Ubuntu:" \
            "apt-get install python$(aspis_version "$python")-venv"
        return 1
    fi
    rm -f -- "$1"/bin/python* && "$python" -m venv "$1"
}


# Quiet but for errors.
aspis_pip() {
    local python="$1/bin/python"
    shift
    "$python" -m pip --disable-pip-version-check install -qq --no-compile "$@"
}


# Bytecode, on all cores, where pip would use one; what is left out here
# Python compiles when it is imported.
aspis_compile() {
    "$1/bin/python" -m compileall -qq -j 0 "$1/lib" || true
}


# Prints one list of requirements of setup.cfg, a line each, no comments.
aspis_requirements() {
    "$1/bin/python" -c '
import configparser, sys
config = configparser.ConfigParser(interpolation=None)
config.read("setup.cfg")
print(config[sys.argv[1]][sys.argv[2]])' "$2" "$3"
}


aspis_install_base() {
    aspis_pip "$1" --editable '.[local-mpi,analysis]'
}


# An index of its own gives the wheel $2 alone, so that it may be small; what
# torch needs comes from pip's own.
aspis_fetch_torch() {
    [ -z "${TORCH_INDEX_URL:-}" ] ||
        aspis_pip "$1" --no-deps --index-url "$TORCH_INDEX_URL" "$2"
}


aspis_install_torch() {
    aspis_fetch_torch "$1" "$aspis_torch" &&
    aspis_pip "$1" "$aspis_torch"
}


# The pages are built by a test; others train on images of a library.
aspis_install_test() {
    local list
    list=$(aspis_requirements "$1" options.extras_require test &&
           aspis_requirements "$1" options.extras_require data &&
           aspis_requirements "$1" options.extras_require report &&
           aspis_requirements "$1" options.extras_require docs) &&
    aspis_pip "$1" --requirement /dev/stdin <<< "$list"
}


# The mpiruns of the MPIs overwrite each other, so each lives apart; the tests
# run in .venv, and only their jobs here.
aspis_install_other() {
    local list
    list=$(aspis_requirements "$1" options install_requires) &&
    aspis_pip "$1" --requirement /dev/stdin "$2" <<< "$list" &&
    aspis_pip "$1" --no-deps --editable .
}


aspis_install_mpich() {
    aspis_install_other "$1" 'mpich>=5.0'
}


# 2021.19.0 asks for a package that pip may not find.
aspis_install_impi() {
    aspis_install_other "$1" 'impi-rt==2021.18.1'
}


# Prints all that setup.cfg asks for, a line each.
aspis_all_requirements() {
    local extra
    aspis_requirements "$1" options install_requires || return 1
    for extra in torch data local-mpi analysis parquet report test docs; do
        aspis_requirements "$1" options.extras_require "$extra" || return 1
    done
}


# Exactly the lower bounds of setup.cfg, none of which may be missing.
aspis_install_lowest() {
    local list
    list=$(aspis_all_requirements "$1" | grep '[^[:space:]]') || return 1
    if grep -vE '^[A-Za-z0-9-]+>=[0-9.]+$' <<< "$list" >&2; then
        aspis_say 'setup.cfg has no lower bound there'
        return 1
    fi
    list=${list//>=/==}
    aspis_fetch_torch "$1" "$(grep '^torch==' <<< "$list")" &&
    aspis_pip "$1" --requirement /dev/stdin <<< "$list" &&
    aspis_pip "$1" --no-deps --editable .
}


# The newest releases that pip finds for the newest Python.
aspis_install_newest() {
    local list
    list=$(aspis_all_requirements "$1") || return 1
    aspis_fetch_torch "$1" torch &&
    aspis_pip "$1" --upgrade --requirement /dev/stdin <<< "$list" &&
    aspis_pip "$1" --no-deps --editable .
}


# Prints what an installation depends on, as one hash.
aspis_fingerprint() {
    {
        "$1/bin/python" -VV 2>&1 || true
        printf '%s\n' "$aspis_root" "$aspis_torch"
        cat "$aspis_root/setup.cfg" "$aspis_root/pyproject.toml"
    } | sha256sum
}


# True when the stamp $2 of environment $1 tells of an equal installation.
aspis_is_fresh() {
    [ -r "$2" ] && [ "$(cat "$2")" = "$(aspis_fingerprint "$1")" ]
}


# Installs `base`, `torch`, `test`, `mpich`, `impi`, `lowest` or `newest` into
# an environment unless it is there.
# The stamp goes first and comes back last: no stamp outlives an interruption.
aspis_install() {
    local env="$aspis_root/$1" stamp="$aspis_root/$1/.installed-$2"
    aspis_check_python "$env" || return 1
    if aspis_is_fresh "$env" "$stamp"; then
        return 0
    fi
    mkdir -p "$aspis_root/.venv" "$env" || return 1
    (
        # One at a time; a file system without locks goes on without.
        flock --nonblock 9 2> /dev/null ||
            { aspis_say 'waiting for another installation'; flock 9; } || true
        if aspis_is_fresh "$env" "$stamp"; then
            exit 0
        fi
        rm -f -- "$stamp"
        aspis_say "installing $2 into $1 ($3)"
        cd "$aspis_root" && aspis_create "$env" &&
        "aspis_install_$2" "$env" && aspis_compile "$env" &&
        aspis_fingerprint "$env" > "$stamp"
    ) 9>> "$aspis_root/.venv/.lock" && return 0
    aspis_say "$2 is not installed: see the error above"
    return 1
}


# What models of torch need besides.
aspis_add_torch() {
    aspis_install .venv torch 'once, about a minute and a large download'
}


# What tests/run.sh needs besides.
aspis_add_tests() {
    aspis_add_torch &&
    aspis_install .venv test 'once, some seconds' &&
    aspis_install .venv-mpich mpich 'once, about half a minute' &&
    export ASPIS_MPICH="$aspis_root/.venv-mpich"
}


# What tests/run.sh --intel needs besides.
aspis_add_impi() {
    aspis_install .venv-impi impi 'once, about half a minute' &&
    export ASPIS_IMPI="$aspis_root/.venv-impi"
}


# What tests/run.sh --lowest and --newest run in, in the place of .venv.  What
# is newest now need not have been at the last installation.
aspis_enter_other() {
    rm -f -- "$aspis_root/.venv-newest/.installed-newest" &&
    aspis_install ".venv-$1" "$1" 'once, some minutes' &&
    export PATH="$aspis_root/.venv-$1/bin:$PATH"
}


# One thread a rank: ranks fill the cores, and the thread count decides bits.
aspis_enter() {
    export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
    if [ "$(id -u)" -eq 0 ]; then
        export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    fi
    case $PATH in
        "$aspis_root/.venv/bin:"*) ;;
        *) export PATH="$aspis_root/.venv/bin:$PATH" ;;
    esac
}


aspis_begin() {
    aspis_install .venv base 'once, about 20 seconds and the downloads' &&
    aspis_enter
}


# Sourced, it sees the arguments of another script.
if [ "${BASH_SOURCE[0]}" != "$0" ] || [ "$#" -eq 0 ]; then
    aspis_begin
elif [ "$*" = torch ]; then
    aspis_begin && aspis_add_torch
else
    aspis_say "there is no '$*' to install besides, only torch"
    exit 2
fi
