#!/bin/sh
# Starts PostgreSQL, making the database cluster at the first start. Understands what the chart needs of the upstream image's
# interface: POSTGRES_USER, POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE, POSTGRES_DB, PGDATA; arguments go to the server.
set -eu

say() { echo "postgresql: $*" >&2; }

[ "${1:-}" = postgres ] && shift
PGDATA=${PGDATA:-/var/lib/postgresql/data/pgdata}
export PGDATA
sockets=/var/run/postgresql

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  user=${POSTGRES_USER:-postgres}
  database=${POSTGRES_DB:-$user}
  if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
    [ -r "$POSTGRES_PASSWORD_FILE" ] || { say "cannot read the password file $POSTGRES_PASSWORD_FILE"; exit 2; }
    POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
  fi
  [ -n "${POSTGRES_PASSWORD:-}" ] || { say "a new database needs a password: set POSTGRES_PASSWORD_FILE (or POSTGRES_PASSWORD)"; exit 2; }

  mkdir -p "$(dirname "$PGDATA")" 2>/dev/null || true
  [ -w "$(dirname "$PGDATA")" ] || {
    say "the volume at $(dirname "$PGDATA") cannot be written by uid $(id -u); its storage class must honour fsGroup, or its folder must be opened by hand"
    exit 2
  }

  # Made aside and renamed when complete: a pod killed in between starts over instead of finding half a database.
  making="$PGDATA.making"
  rm -rf "$making" "$PGDATA"
  mkdir -p "$making"
  chmod 0700 "$making"
  umask 077
  printf '%s\n' "$POSTGRES_PASSWORD" >"$making.password"
  initdb --pgdata="$making" --username="$user" --pwfile="$making.password" --auth-local=trust --auth-host=scram-sha-256 \
    --encoding=UTF8 --locale=C.UTF-8 >/dev/null
  rm -f "$making.password"
  echo 'host all all all scram-sha-256' >>"$making/pg_hba.conf"
  if [ "$database" != postgres ]; then
    # Single-user mode needs no socket and no port: nobody can connect before the database is there.
    printf 'CREATE DATABASE "%s";\n' "$database" | postgres --single -D "$making" -j postgres >/dev/null
  fi
  mv "$making" "$PGDATA"
  say "made the database $database for the user $user"
fi
unset POSTGRES_PASSWORD

exec postgres -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories="$sockets" "$@"
