# shellcheck shell=bash
# ./dev abuse: bad input and overload against live servers. Sourced by ./dev.

abuse_checks=(schema corpora slow overload)
schemathesis_version=4.32.5

# In an environment of its own: it is no package of Debian, and nothing of it belongs to the product.
install_schemathesis() {
  local venv=$root/build/schemathesis-$schemathesis_version
  [[ -x $venv/bin/schemathesis ]] && return 0
  say "install: schemathesis $schemathesis_version into build/"
  quietly "$build_log/schemathesis.log" python3 -m venv --clear "$venv" &&
    quietly "$build_log/schemathesis.log" "$venv/bin/pip" install --quiet "schemathesis==$schemathesis_version" && return 0
  tail -n 10 "$build_log/schemathesis.log" >&2
  rm -rf -- "$venv"
  fail "schemathesis cannot be installed, see build/log/schemathesis.log" 2
}

abuse_command() {
  local check
  local -a options=() wanted=()
  while (($#)); do
    case $1 in
      --minutes | --seconds)
        [[ ${2:-} =~ ^[1-9][0-9]{0,4}$ ]] || fail "$1 needs a whole number" 2
        options+=("$1" "$2")
        shift
        ;;
      -*) fail "abuse: unknown option $1" 2 ;;
      *)
        [[ " ${abuse_checks[*]} " == *" $1 "* ]] || fail "abuse: there is no check \"$1\"; there are ${abuse_checks[*]}" 2
        wanted+=("$1")
        ;;
    esac
    shift
  done
  ((${#wanted[@]})) || wanted=("${abuse_checks[@]}")
  install_packages "${build_packages[@]}" "${test_packages[@]}" "${abuse_packages[@]}"
  for check in "${wanted[@]}"; do
    case $check in
      schema) install_schemathesis ;;&
      corpora) build asan stocksblitz || exit 1 ;;
      *) build release stocksblitz || exit 1 ;;
    esac
  done
  # Debian's python, for which the packages are installed; another may come first in PATH.
  SB_ROOT=$root SB_SCHEMATHESIS=$root/build/schemathesis-$schemathesis_version/bin/schemathesis PYTHONDONTWRITEBYTECODE=1 \
    /usr/bin/python3 "$root/tests/abuse/run.py" "${options[@]}" "${wanted[@]}"
  exit
}
