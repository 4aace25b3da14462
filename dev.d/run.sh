# shellcheck shell=bash
# ./dev run: one node with its PostgreSQL and demo, in the foreground. Sourced by ./dev.

node_pid=
run_lock=
run_has_postgres=

without_run_lock() {
  if [[ -n $run_lock ]]; then
    "$@" {run_lock}>&-
  else
    "$@"
  fi
}

# One run for each directory. The node inherits the lock: should this script be killed, its node still keeps others out.
take_run_lock() {
  (umask 022 && mkdir -p -- "$data") || fail "cannot make $data" 2
  exec {run_lock}>"$data/run.lock"
  flock --nonblock "$run_lock" && return 0
  fail "$data is in use by another ./dev run (processes $(cat "$data/run.pid" 2>/dev/null)); stop it or choose --data DIR" 2
}

require_free_ports() {
  local port
  for port in "$1" $(($1 + 2)) $(($1 + 4)) $(($1 + 6)); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      fail "port $port is in use; --port P takes P, P+2, P+4 and P+6" 2
    fi
  done
}

# Returns never: the node ends by itself, which is a failure, or a signal ends this script.
wait_for_node() {
  local status=0 log=$data/log/node.log
  wait "$node_pid" || status=$?
  node_pid=
  printf '\nThe node ended by itself with status %s. The end of %s:\n\n' "$status" "$log" >&2
  tail -n 20 "$log" >&2
  exit 1
}

start_node() {
  local port=$1 log=$data/log/node.log begin=$EPOCHREALTIME
  shift
  keep_log_small "$log"
  # A session of its own: Ctrl-C at the terminal is for this script, which then stops things in order.
  MIMALLOC_LARGE_OS_PAGES=${MIMALLOC_LARGE_OS_PAGES:-1} setsid "$root/build/release/stocksblitz" serve \
    --config "$root/config/stocksblitz.yaml" --data "$data" --port "$port" "$@" \
    >>"$log" 2>&1 </dev/null &
  node_pid=$!
  echo "$$ $node_pid" >"$data/run.pid"
  local deadline=$((SECONDS + 120))
  until curl -fs -o /dev/null --max-time 2 "http://127.0.0.1:$port/health/ready"; do
    kill -0 "$node_pid" 2>/dev/null || wait_for_node
    ((SECONDS < deadline)) || fail "the node is not ready after 120 s, see $log"
    sleep 0.1
  done
  say "node: ready in $(seconds_since "$begin") s"
}

# Stops what this run started, in the reverse order. Safe to call when nothing runs.
stop_run() {
  local failed=0 deadline status=0
  if [[ -n $node_pid ]]; then
    say "node: stopping"
    kill -TERM "$node_pid" 2>/dev/null
    deadline=$((SECONDS + 30))
    while kill -0 "$node_pid" 2>/dev/null && ((SECONDS < deadline)); do sleep 0.05; done
    if kill -0 "$node_pid" 2>/dev/null; then
      say "node: still there after 30 s, killed" >&2
      kill -KILL "$node_pid"
    fi
    wait "$node_pid" || status=$?
    if ((status != 0)); then
      say "node: ended with status $status, see $data/log/node.log" >&2
      failed=1
    fi
    node_pid=
    rm -f -- "$data/run.pid"
  fi
  if [[ -n $run_has_postgres ]]; then
    run_has_postgres=
    stop_postgres || failed=1
  fi
  return "$failed"
}

run_command() {
  local port=8000 feed=''
  local -a serve_arguments=()
  data=$(data_argument "$@")
  while (($#)); do
    case $1 in
      --data | --port | --feed | --feed-speed) (($# >= 2)) || fail "$1 needs a value" 2 ;;&
      --data | --data=*) ;;
      --port) port=$2 ;;
      --feed) feed=$2 ;;
      --feed-speed) export STOCKSBLITZ_BROKER_FEED_SPEED=$2 ;;
      --)
        shift
        serve_arguments=("$@")
        break
        ;;
      *) fail "run: unknown option $1" 2 ;;
    esac
    [[ $1 == --data=* ]] || shift
    shift
  done
  if [[ ! $port =~ ^[1-9][0-9]{0,4}$ ]] || ((port > 65529)); then fail "--port must be from 1 to 65529" 2; fi
  case $feed in
    '') ;;
    random | external) export STOCKSBLITZ_BROKER_FEED=$feed ;;
    *)
      [[ $feed == /* ]] || feed=$cd_from/$feed
      [[ -f $feed ]] || fail "--feed: random, external or a file; there is no file $feed" 2
      export STOCKSBLITZ_BROKER_FEED=file STOCKSBLITZ_BROKER_FEED_FILE=$feed
      ;;
  esac

  take_run_lock
  require_free_ports "$port"
  install_packages "${build_packages[@]}"
  make_data_directories # before the build: it is quicker to hear of a wrong place now
  build release stocksblitz || exit 1
  run_has_postgres=yes
  start_postgres
  create_database
  STOCKSBLITZ_DATABASE=$(conninfo)
  export STOCKSBLITZ_DATABASE
  start_node "$port" "${serve_arguments[@]}"

  cat <<TEXT

  gateway   http://127.0.0.1:$port
  user      http://127.0.0.1:$((port + 2))
  trade     http://127.0.0.1:$((port + 4))
  metrics   http://127.0.0.1:$((port + 6))/metrics
  log       $data/log/node.log

TEXT
  "$root/build/release/stocksblitz" demo --base-url "http://127.0.0.1:$port" --data "$data" || fail "the demo cannot be made"
  say ""
  say "Ctrl-C stops everything."
  wait_for_node
}
