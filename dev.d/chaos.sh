# shellcheck shell=bash
# ./dev chaos: real processes under faults. Sourced by ./dev.

# A file system for the small disk is mounted: in a mount namespace of our own it is gone with us, however we end.
in_own_mounts() {
  if ((EUID == 0)); then
    exec unshare --mount -- "$@"
  else
    exec "$@"
  fi
}

chaos_command() {
  local preset=release scenarios='' filter=''
  local -a targets=(stocksblitz) arguments=("$@") surroundings
  while (($#)); do
    case $1 in
      --matrix)
        preset=chaos
        targets+=(saga_steps)
        ;;
      --scenarios) scenarios=yes ;;
      --minutes | --seed | --repeat | --workers | --step)
        (($# >= 2)) || fail "$1 needs a value" 2
        shift
        ;;
      -*) fail "chaos: unknown option $1" 2 ;;
      *)
        [[ -n $scenarios && -z $filter ]] || fail "chaos: unexpected \"$1\"" 2
        filter=$1
        ;;
    esac
    shift
  done
  [[ $preset == chaos || -n $scenarios || $EUID == 0 ]] || fail "chaos: the mix mounts a small disk and traces PostgreSQL: run it as root" 2
  install_packages "${build_packages[@]}" "${test_packages[@]}" "${chaos_packages[@]}"
  build "$preset" "${targets[@]}" || exit 1
  surroundings=(env "SB_BINARY=$root/build/$preset/stocksblitz" "SB_ROOT=$root" PYTHONDONTWRITEBYTECODE=1)
  # Debian's python, for which the packages are installed; another may come first in PATH.
  if [[ -n $scenarios ]]; then
    in_own_mounts "${surroundings[@]}" /usr/bin/python3 -m pytest -v -o cache_dir="$root/build/pytest_cache" \
      ${filter:+-k "$filter"} "$root/tests/chaos"
  fi
  in_own_mounts "${surroundings[@]}" /usr/bin/python3 "$root/tests/chaos/chaos.py" "${arguments[@]}"
}
