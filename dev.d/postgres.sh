# shellcheck shell=bash
# A private PostgreSQL under $data/pg: no TCP, reached over a unix socket that only its owner and root can enter, so local
# connections are trusted. Sourced by ./dev; `data` is set by the command.

pg_bin=/usr/lib/postgresql/15/bin
socket_name=/.s.PGSQL.5432
data=

# PostgreSQL refuses to run as root. Not runuser: it leaves a parent behind that lives on for seconds after a signal.
as_postgres() {
  if ((EUID == 0)); then
    (cd / && exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$@")
  else
    (cd / && exec "$@")
  fi
}
postgres_owner() { if ((EUID == 0)); then echo postgres; else id -un; fi; }

# The directory of the socket, as the running server has it.
socket_directory() { as_postgres sed -n 5p "$data/pg/postmaster.pid"; }
conninfo() { printf 'host=%s dbname=stocksblitz user=stocksblitz\n' "$(socket_directory)"; }
postgres_has_process() { as_postgres "$pg_bin/pg_ctl" -D "$data/pg" status >/dev/null 2>&1; }
postgres_runs() {
  local socket
  postgres_has_process && socket=$(socket_directory) && [[ -n $socket ]] && "$pg_bin/pg_isready" -q -h "$socket" -t 5
}
# A server that recovers answers later; one that was killed stays as a process until its parent has noticed.
wait_while_undecided() {
  local deadline=$((SECONDS + 60))
  while postgres_has_process && ! postgres_runs; do
    ((SECONDS < deadline)) ||
      fail "the process named in $data/pg/postmaster.pid does not answer; if it is not PostgreSQL, remove that file" 2
    sleep 0.2
  done
}

# Directories that are made here can be passed by user postgres; those that were there before are their owner's business.
make_data_directories() {
  local part='' name
  local -a names
  (umask 022 && mkdir -p -- "$data/log") || fail "cannot make $data" 2
  ((EUID == 0)) || return 0
  as_postgres test -x "$data/log" && return 0
  IFS=/ read -ra names <<<"${data#/}/log"
  for name in "${names[@]}"; do
    part+=/$name
    as_postgres test -x "$part" ||
      fail "PostgreSQL runs as user postgres, who cannot enter $part: chmod o+x $part, or choose another place with --data DIR" 2
  done
}

# A socket's path has at most 107 bytes, and commas, blanks or quotes in it would need quoting in three syntaxes. Where
# $data/pg-socket does not do, a directory under /tmp does, and $data remembers it.
choose_socket_directory() {
  local socket=$data/pg-socket remembered=$data/pg-socket.path owner
  owner=$(postgres_owner)
  if ((${#socket} + ${#socket_name} > 106)) || [[ ! $socket =~ ^[A-Za-z0-9_./+-]+$ ]]; then
    socket=$(cat "$remembered" 2>/dev/null)
    if [[ $socket != /tmp/stocksblitz-pg.* || ! -d $socket || -L $socket || $(stat -c %U "$socket") != "$owner" ]]; then
      socket=$(as_postgres mktemp -d /tmp/stocksblitz-pg.XXXXXXXX) || fail "cannot make a directory under /tmp" 2
      printf '%s\n' "$socket" >"$remembered"
    fi
  else
    install -d -o "$owner" -m 0700 "$socket" || fail "cannot make $socket" 2
  fi
  printf '%s\n' "$socket"
}

create_cluster() {
  say "postgres: creating $data/pg"
  rm -rf -- "$data/pg.new"
  install -d -o "$(postgres_owner)" -m 0700 "$data/pg.new" || return 1
  # Renamed only when it is whole: a half-made one would be taken for a database.
  if ! quietly "$data/log/initdb.log" as_postgres "$pg_bin/initdb" -D "$data/pg.new" --username=stocksblitz --auth=trust \
    --encoding=UTF8 --locale=C.UTF-8 --data-checksums; then
    tail -n 10 "$data/log/initdb.log" >&2
    return 1
  fi
  echo "include = 'stocksblitz.conf'" >>"$data/pg.new/postgresql.conf" && mv -T -- "$data/pg.new" "$data/pg"
}

write_postgres_settings() {
  local shipped
  shipped=$(cat "$root/config/postgresql.conf") || return 1
  as_postgres tee "$data/pg/stocksblitz.conf" >/dev/null <<TEXT
# Written by ./dev at each start.
listen_addresses = ''
port = 5432   # names the socket, nothing listens on TCP
unix_socket_directories = '$1'
max_connections = 60
$shipped
TEXT
}

start_postgres() {
  local log=$data/log/postgresql.log socket begin=$EPOCHREALTIME version
  make_data_directories
  if [[ -d $data/pg ]]; then
    version=$(as_postgres cat "$data/pg/PG_VERSION" 2>/dev/null)
    [[ $version == 15 ]] || fail "$data/pg is not a database of PostgreSQL 15 (it says \"$version\")" 2
    wait_while_undecided
    if postgres_runs; then
      say "postgres: found running in $data/pg"
      return 0
    fi
  else
    create_cluster || fail "PostgreSQL cannot be set up in $data/pg, see $data/log/initdb.log" 2
  fi
  socket=$(choose_socket_directory) || exit 2
  write_postgres_settings "$socket" || fail "cannot write $data/pg/stocksblitz.conf" 2
  keep_log_small "$log"
  touch "$log" && chown "$(postgres_owner)" "$log"
  # The server must not inherit the lock of this run: it would hold it when everything else is gone.
  if ! quietly "$data/log/pg_ctl.log" without_run_lock as_postgres "$pg_bin/pg_ctl" -D "$data/pg" -l "$log" -w -t 300 start; then
    tail -n 15 "$log" >&2
    fail "PostgreSQL does not start, see $log" 2
  fi
  say "postgres: started in $data/pg in $(seconds_since "$begin") s"
}

stop_postgres() {
  postgres_has_process || return 0
  say "postgres: stopping"
  as_postgres "$pg_bin/pg_ctl" -D "$data/pg" -m fast -w -t 60 stop >/dev/null 2>&1 ||
    as_postgres "$pg_bin/pg_ctl" -D "$data/pg" -m immediate -w -t 60 stop >/dev/null 2>&1
  ! postgres_has_process || {
    say "postgres: does not stop, see $data/log/postgresql.log" >&2
    return 1
  }
}

create_database() {
  local sql=("$pg_bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$(socket_directory)" -U stocksblitz -d postgres)
  if [[ $("${sql[@]}" -c "select 1 from pg_database where datname = 'stocksblitz'") != 1 ]]; then
    say "postgres: making WAL files ahead"
    "${sql[@]}" -f "$root/config/make_wal_files.sql" || fail "cannot make WAL files" 2
    "${sql[@]}" -c 'create database stocksblitz' || fail "cannot create the database" 2
  fi
}

# Moves a log of more than 10 MB aside; one old one is kept.
keep_log_small() {
  local size
  size=$(stat -c %s "$1" 2>/dev/null) || return 0
  ((size <= 10 * 1024 * 1024)) || mv -f -- "$1" "$1.1"
}
