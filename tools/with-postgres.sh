#!/usr/bin/env bash
# Run a command with a PostgreSQL server of its own, named by SUPERVISOR_TEST_POSTGRES: tools/with-postgres.sh COMMAND...
#
# The server lives in a temporary folder and listens on loopback only. Without PostgreSQL the command runs without the
# variable, and the tests that need it skip.
set -euo pipefail

bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1 || true)
bin=${bin:-$(dirname "$(command -v initdb || echo /nowhere/initdb)")}
if [ -n "${SUPERVISOR_TEST_POSTGRES:-}" ] || [ ! -x "$bin/initdb" ]; then
    exec "$@"
fi

folder=$(mktemp -d)
as_owner() { "$@"; }
if [ "$(id -u)" = 0 ]; then # initdb refuses to run as root
    chown postgres "$folder"
    as_owner() { (cd "$folder" && runuser -u postgres -- "$@"); }
fi
stop() {
    as_owner "$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$folder"
}
trap stop EXIT

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
password=$(python3 -c 'import secrets; print(secrets.token_hex(16))')
as_owner bash -c 'umask 077; echo "$1" > "$2"' _ "$password" "$folder/password"
as_owner "$bin/initdb" -D "$folder/data" -U supervisor --auth=scram-sha-256 --pwfile="$folder/password" -E UTF8 --locale=C >/dev/null
as_owner "$bin/pg_ctl" -D "$folder/data" -l "$folder/log" -w start \
    -o "-p $port -k $folder -c listen_addresses=127.0.0.1 -c fsync=off" >/dev/null || { cat "$folder/log" >&2; exit 1; }

export SUPERVISOR_TEST_POSTGRES="postgresql+asyncpg://supervisor:$password@127.0.0.1:$port/postgres"
"$@"
