# shellcheck shell=bash
# ./dev test: every suite of the build, the acceptance tests, the tests of what ./dev chaos checks with, some planted bugs, and
# one last line with the sum. Sourced by ./dev.

suite_seconds_max=900
total_passed=0
total_failed=0
sum_is_due=

# count NAME PASSED FAILED SKIPPED SECONDS LOG: adds to the sum and shows the line; a failure shows the log's end.
count() {
  local name=$1 passed=$2 failed=$3 skipped=$4 seconds=$5 log=$6 remark=''
  if ((skipped > 0)); then
    remark=", $skipped skipped"
    if [[ ${CI:-} == true ]]; then
      failed=$((failed + skipped))
      remark+=' (failures under CI)'
    fi
  fi
  printf '%-14s %d passed, %d failed%s  (%s s)\n' "$name" "$passed" "$failed" "$remark" "$seconds"
  if ((failed > 0)); then
    printf -- '--- %s\n' "${log#"$root/"}"
    tail -n 80 "$log"
    printf -- '---\n'
  fi
  total_passed=$((total_passed + passed))
  total_failed=$((total_failed + failed))
}

last_number() { sed -nE "s/$1/\\1/p" "$2" | tail -n 1; }

run_catch_suite() {
  local preset=$1 name=$2 log=$build_log/test-$1-$2.log begin=$EPOCHREALTIME status=0 passed failed skipped
  quietly "$log" timeout --kill-after=10 "$suite_seconds_max" "$root/build/$preset/test_$name" || status=$?
  passed=$(last_number '^All tests passed \(.* in ([0-9]+) test cases?\)$' "$log")
  [[ -n $passed ]] || passed=$(last_number '^test cases: .*\| +([0-9]+) passed.*$' "$log")
  failed=$(last_number '^test cases: .*\| +([0-9]+) failed( \|.*)?$' "$log")
  passed=${passed:-0} failed=${failed:-0}
  if ((failed == 0 && (status != 0 || passed == 0))); then
    failed=1 # it crashed, hung or ran nothing
    echo "the suite ended with status $status and no failed test case of its own" >>"$log"
  fi
  # Such a case counts as passed in Catch's sum.
  skipped=$(grep -cE '^[[:space:]]*SKIPPED:' "$log")
  ((skipped <= passed)) || skipped=$passed
  count "$name" $((passed - skipped)) "$failed" "$skipped" "$(seconds_since "$begin")" "$log"
}

# run_pytest PRESET NAME ARGUMENTS: the suite's name is NAME.
run_pytest() {
  local preset=$1 name=$2 log=$build_log/test-$1-$2.log begin=$EPOCHREALTIME status=0 sum passed failed errors skipped
  shift 2
  # Debian's python, for which the packages are installed; another may come first in PATH.
  quietly "$log" env SB_BINARY="$root/build/$preset/stocksblitz" SB_ROOT="$root" PYTHONDONTWRITEBYTECODE=1 \
    timeout --kill-after=10 "$suite_seconds_max" \
    /usr/bin/python3 -m pytest -q -o cache_dir="$root/build/pytest_cache" "$@" || status=$?
  sum=$(grep -E '^[=[:space:]]*([0-9]+ [a-z]+,? ?)+ in [0-9.]+s' "$log" | tail -n 1)
  pytest_number() { sed -nE "s/.*\\b([0-9]+) $1.*/\\1/p" <<<"$sum"; }
  passed=$(pytest_number passed) failed=$(pytest_number failed) errors=$(pytest_number 'errors?') skipped=$(pytest_number skipped)
  passed=${passed:-0} failed=$((${failed:-0} + ${errors:-0})) skipped=${skipped:-0}
  if ((failed == 0 && status != 0)); then
    failed=1
    echo "pytest ended with status $status" >>"$log"
  fi
  count "$name" "$passed" "$failed" "$skipped" "$(seconds_since "$begin")" "$log"
}

run_acceptance() { run_pytest "$1" acceptance "$root/tests/acceptance"; }

# Who checks the checker: the tests of chaos's history, clients and proxy. What needs a site is left to ./dev chaos.
run_chaos_checks() { run_pytest "$1" chaos-checks --ignore="$root/tests/chaos/test_scenarios.py" "$root/tests/chaos"; }

# The bugs that are marked quick are planted, one after the other; each must be caught.
run_mutant_suite() {
  local log=$build_log/test-mutants.log begin=$EPOCHREALTIME caught all
  quietly "$log" "$root/dev" sim --mutants --quick
  caught=$(last_number '^([0-9]+)\/[0-9]+ caught$' "$log")
  all=$(last_number '^[0-9]+\/([0-9]+) caught$' "$log")
  count mutants "${caught:-0}" $((${all:-1} - ${caught:-0})) 0 "$(seconds_since "$begin")" "$log"
}

run_source_rules() {
  local log=$build_log/test-source-rules.log begin=$EPOCHREALTIME
  if quietly "$log" check_source_rules; then
    count source-rules 1 0 0 "$(seconds_since "$begin")" "$log"
  else
    count source-rules 0 1 0 "$(seconds_since "$begin")" "$log"
  fi
}

# The last line; when the script ends elsewhere, on_exit prints it.
end_of_test() {
  sum_is_due=
  echo "$total_passed passed, $total_failed failed"
  ((total_failed == 0))
  exit
}

test_command() {
  local preset=release filter='' acceptance='' name
  local -a suites targets=()
  while (($#)); do
    case $1 in
      --asan) preset=asan ;;
      --tsan) preset=tsan ;;
      -*) fail "test: unknown option $1" 2 ;;
      *) [[ -z $filter ]] || fail "test: one FILTER" 2; filter=$1 ;;
    esac
    shift
  done
  wanted() { [[ $1 == *"$filter"* ]]; }
  sum_is_due=yes
  install_packages "${build_packages[@]}" "${test_packages[@]}"

  configure "$preset" || exit 1
  known() { ninja -C "$root/build/$preset" -t targets all | sed -nE "s/^($1): .*EXECUTABLE.*/\\1/p" | sort; }
  for name in $(known 'test_[a-z_]+'); do
    wanted "${name#test_}" && suites+=("${name#test_}") && targets+=("$name")
  done
  if wanted acceptance && [[ -d $root/tests/acceptance && -n $(known stocksblitz) ]]; then
    acceptance=yes
    targets+=(stocksblitz)
  fi
  # Without a filter all is built, so that what no test needs compiles too.
  if [[ -z $filter ]]; then
    build "$preset" || exit 1
  elif ((${#targets[@]})); then
    build "$preset" "${targets[@]}" || exit 1
  fi

  if wanted source-rules; then run_source_rules; fi
  for name in "${suites[@]}"; do run_catch_suite "$preset" "$name"; done
  if [[ -n $acceptance ]]; then run_acceptance "$preset"; fi
  if [[ $preset == release ]] && wanted chaos-checks; then run_chaos_checks "$preset"; fi
  if [[ $preset == release ]] && wanted mutants; then run_mutant_suite; fi
  if ((total_passed + total_failed == 0)); then
    say "no test's suite has a name with \"$filter\""
    total_failed=1
  fi
  end_of_test
}
