#!/usr/bin/env bash
# Make .venv hold exactly hashed packages and this project: tools/install.sh LOCK [editable|wheel]
#
# uv, itself installed by pip from the lock, takes 14 s where pip takes 45 s. It does not read pip's configuration, so the
# places that pip is told to look in are passed on to it. Where uv still cannot install, pip does.
set -euo pipefail
cd "$(dirname "$0")/.."

lock=$1 mode=${2:-editable}
python=.venv/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK=1 UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1
unset PYTHONDONTWRITEBYTECODE PYTHONPATH # compiled modules start in a third of the time
export PATH="$PWD/.venv/bin:$PATH"          # the build backend looks for its program there

pip_setting() { sed -n "s/^\(global\|install\|:env:\)\.$1='\(.*\)'$/\2/p" <<<"$pip_settings" | tail -1; }

make_venv() {
    "${PYTHON:-python3}" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        { echo "error: Python 3.11 or newer is needed; say which with PYTHON=..." >&2; exit 1; }
    "${PYTHON:-python3}" -m venv .venv
}

tell_uv_what_pip_knows() {
    pip_settings=$($python -m pip config list)
    local index extra links cert
    index=$(pip_setting index-url) extra=$(pip_setting extra-index-url)
    links=$(pip_setting find-links) cert=$(pip_setting cert)
    [ -z "$index" ] || export UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$index}
    [ -z "$extra" ] || export UV_INDEX=${UV_INDEX:-$extra}
    [ -z "$links" ] || export UV_FIND_LINKS=${UV_FIND_LINKS:-${links// /,}}
    [ -z "$cert" ] || export SSL_CERT_FILE=${SSL_CERT_FILE:-$cert}
    export UV_INDEX_STRATEGY=unsafe-best-match # pip looks in all indexes, too; the hashes decide
}

bootstrap_uv() {
    sed -n '/^uv==/,/[^\\]$/p; /^uv-build==/,/[^\\]$/p' "$lock" >.venv/uv.lock
    $python -m pip install --quiet --no-deps --only-binary :all: --require-hashes -r .venv/uv.lock
}

install_packages() {
    .venv/bin/uv pip install --quiet --python $python --compile-bytecode --no-deps --only-binary :all: --require-hashes -r "$lock" && return
    echo "uv could not install $lock; pip does it now, which takes longer" >&2
    $python -m pip install --quiet --no-deps --only-binary :all: --require-hashes -r "$lock"
}

install_project() {
    local pip="$python -m pip install --quiet --no-deps --no-index --no-build-isolation --force-reinstall"
    if [ "$mode" = wheel ]; then
        rm -rf dist
        $python -m pip wheel --quiet --no-deps --no-index --no-build-isolation --wheel-dir dist .
        $pip dist/*.whl
    else
        $pip --editable .
        $python -m compileall -q flows stages schemas
    fi
}

[ -x $python ] || make_venv
tell_uv_what_pip_knows
[ -x .venv/bin/uv ] || bootstrap_uv
install_packages
install_project
