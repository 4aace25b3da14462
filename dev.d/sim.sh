# shellcheck shell=bash
# ./dev sim: the simulation of core and runtime over many seeds, or of the real actors, one seed with its trace, and the
# planted bugs of tests/mutants/, which the checks must catch. Sourced by ./dev.

mutant_seeds=10000
mutant_seeds_quick=1500
mutant_seconds_max=280
# What is copied to plant bugs in: all that the build file speaks of, although only three suites are built.
mutant_folders=(cmake actors app bench config domain metrics runtime storage tests web)

sim_command() {
  local seed_count=${SEEDS:-} first_seed=${FROM:-} jobs=${JOBS:-} mutate='' name='' quick_only='' layer=simulation
  while (($#)); do
    case $1 in
      --seeds | --from | --jobs)
        [[ ${2:-} =~ ^[0-9]+$ ]] || fail "sim: $1 needs a number" 2
        case $1 in
          --seeds) seed_count=$2 ;;
          --from) first_seed=$2 ;;
          --jobs) jobs=$2 ;;
        esac
        shift
        ;;
      --actors) layer=actor_simulation ;;
      --mutants) mutate=yes ;;
      --quick) quick_only=yes ;;
      -*) fail "sim: unknown option $1" 2 ;;
      *)
        [[ -n $mutate && -z $name ]] || fail "sim: what is \"$1\"?" 2
        name=$1
        ;;
    esac
    shift
  done
  [[ -z $quick_only || -n $mutate ]] || fail "sim: --quick is for --mutants" 2
  install_packages "${build_packages[@]}"
  if [[ -n $mutate ]]; then
    run_mutants "${jobs:-$(nproc)}" "$name" "$quick_only"
    exit
  fi
  build release "test_$layer" || exit 1
  SEEDS=$seed_count FROM=$first_seed JOBS=$jobs "$root/build/release/test_$layer" '[seeds]'
  exit
}

# ---- planted bugs ---------------------------------------------------------------------------------------------------

mutants=$root/build/mutants

# What a patch says of itself in the lines "# KEY: ..." before it.
mutant_says() { sed -nE "/^---/q; s/^# $1: //p" "$2"; }

# A copy of what is built, with the time stamps of the original, so that only what changed is built again. A file that a
# patch had changed counts as changed, until the suite that had been built with it is built without.
copy_for_mutants() {
  local file
  mkdir -p "$mutants/planted"
  rm -rf "$mutants/src"
  mkdir -p "$mutants/src"
  (cd "$root" && cp -a --parents CMakeLists.txt CMakePresets.json "${mutant_folders[@]}" "$mutants/src") || return 1
  while read -r file; do
    [[ -f $mutants/src/$file ]] && touch "$mutants/src/$file"
  done < <(cat "$mutants/planted"/*.list 2>/dev/null)
}

configure_mutants() {
  quietly "$build_log/mutants-configure.log" cmake --preset release -S "$mutants/src" -B "$mutants/b" -DCMAKE_CXX_FLAGS=-w \
    -DCMAKE_CXX_FLAGS_RELEASE="-O1 -g0" && return 0
  tail -n 30 "$build_log/mutants-configure.log" >&2
  return 1
}

build_mutant() { quietly "$mutants/log/$1-build.log" ninja -C "$mutants/b" "test_$2"; }

patched_by() { sed -nE 's,^\+\+\+ b/,,p' "$1" | cut -f 1; }

# Applies the patch to the copy. plant PATCH SUITE
plant() {
  patched_by "$1" >>"$mutants/planted/$2.list"
  patch --quiet --batch --forward --no-backup-if-mismatch --directory="$mutants/src" --strip=1 <"$1" >"$mutants/log/patch.log" 2>&1
}

uproot() {
  local file
  while read -r file; do
    cp "$root/$file" "$mutants/src/$file"
  done < <(patched_by "$1")
}

# Each sets caught_by, caught_at, and crashed when the product threw where nobody expected it; empty when nobody noticed.
# hunt_in_simulation NAME SEEDS JOBS
hunt_in_simulation() {
  local log=$mutants/log/$1.log line status=0
  quietly "$log" env -u SEED -u WITHOUT SEEDS="$2" FROM=1 JOBS="$3" SHRINK=no timeout --kill-after=10 "$mutant_seconds_max" \
    "$mutants/b/test_simulation" '[seeds]' || status=$?
  line=$(grep -m 1 '^broken: seed ' "$log")
  if [[ -n $line ]]; then
    caught_at=$(sed -nE 's/^broken: seed ([0-9]+): .*/\1/p' <<<"$line")
    caught_by=$(sed -nE 's/^broken: seed [0-9]+: ([^:]+): .*/\1/p' <<<"$line")
    [[ $caught_by != exception && $caught_by != entity ]] || crashed=yes
  elif ((status != 0)); then
    trouble="status $status, see build/mutants/log/$1.log"
  fi
}

# hunt_in_tests NAME SUITE TAGS
hunt_in_tests() {
  local log=$mutants/log/$1.log first status=0
  quietly "$log" timeout --kill-after=10 "$mutant_seconds_max" "$mutants/b/test_$2" --abort --reporter junit "$3" || status=$?
  first=$(grep -B 1 -m 1 -E '<(failure|error) ' "$log")
  caught_by=$(sed -nE 's/.*<testcase .* name="([^"]*)".*/\1/p' <<<"$first" | sed -E 's/^Scenario: //; s/&quot;/"/g; s/&lt;/</g; s/&amp;/\&/g')
  # Catch says <error> of an exception or a signal that no test expected.
  [[ $first != *'<error '* ]] || { crashed=yes caught_by="crash: $caught_by"; }
  if ! grep -q '<testsuite ' "$log"; then
    trouble="no result, see build/mutants/log/$1.log"
  elif grep -q '<testsuite .* tests="0"' "$log"; then
    trouble="no test is ${3:-there}"
  elif [[ -z $caught_by ]] && ((status != 0)); then
    trouble="status $status, see build/mutants/log/$1.log"
  fi
  if grep -qE '^[[:space:]]*SKIPPED:' "$log"; then trouble='skipped: no PostgreSQL'; fi
}

# hunt NAME SUITE TAGS SEEDS JOBS
hunt() {
  caught_by='' caught_at='' crashed='' trouble=''
  case $2 in
    simulation) hunt_in_simulation "$1" "$4" "$5" ;;
    storage | actors) hunt_in_tests "$1" "$2" "$3" ;;
    *) trouble="no suite \"$2\"" ;;
  esac
}

# How what caught it compares with what the patch says ought to: the name of an invariant, or how a test's name begins.
# Another check may be faster; but a crash shows only that something is wrong, not that a check knows what.
as_said() {
  if [[ -n $crashed && $caught_by != "$1" ]]; then
    printf 'CRASHED, %s' "$1"
    return
  fi
  case $caught_by in
    "$1" | "$1"[,/\ ]*) printf 'yes' ;;
    *) printf 'no, %s' "$1" ;;
  esac
}

mutant_row() { printf '%-36s %-12s %-60.60s %-8s %s\n' "$@"; }

# What the checks of a suite are run with where nothing is planted: all tags of the patches, or none when one has none.
# tags_of SUITE PATCH...
tags_of() {
  local of_suite=$1 patch suite tags all=''
  shift
  for patch; do
    read -r suite tags < <(mutant_says suite "$patch")
    [[ $suite == "$of_suite" ]] || continue
    [[ -n $tags ]] || return 0
    [[ ,$all, == *",$tags,"* ]] || all+=${all:+,}$tags
  done
  printf '%s' "$all"
}

# run_mutants JOBS [NAME] [QUICK]
run_mutants() {
  local jobs=$1 name_part=$2 quick_only=$3 seed_count=$mutant_seeds patch name suite tags all=0 caught=0 begin=$EPOCHREALTIME
  local caught_by='' caught_at='' crashed='' trouble='' said=''
  local -a patches=() suites=() by_crash=()
  [[ -z $quick_only ]] || seed_count=$mutant_seeds_quick
  for patch in "$root"/tests/mutants/*"$name_part"*.patch; do
    [[ -f $patch ]] || fail "sim: tests/mutants has no patch with \"$name_part\"" 2
    [[ -n $quick_only && -z $(mutant_says quick "$patch") ]] || patches+=("$patch")
  done
  mkdir -p "$mutants/log"
  take_build_lock mutants || return 1
  say "mutants: ${#patches[@]} in build/mutants, up to $seed_count seeds each"
  copy_for_mutants && configure_mutants || return 1

  # The checks must be silent where nothing is planted; else a catch means nothing.
  mapfile -t suites < <(for patch in "${patches[@]}"; do mutant_says suite "$patch"; done | cut -d ' ' -f 1 | sort -u)
  mutant_row mutant suite 'caught by' 'at seed' 'as its patch says'
  for suite in "${suites[@]}"; do
    build_mutant none "$suite" || { tail -n 30 "$mutants/log/none-build.log" >&2; return 1; }
    hunt none "$suite" "$(tags_of "$suite" "${patches[@]}")" "$mutant_seeds_quick" "$jobs"
    if [[ -n $caught_by$trouble ]]; then
      say "mutants: without any of them $suite fails: $caught_by$trouble, see build/mutants/log/none.log" >&2
      return 1
    fi
    mutant_row '(none)' "$suite" - - -
    # Not before: a build that did not come about would leave a planted bug's object behind.
    : >"$mutants/planted/$suite.list"
  done

  for patch in "${patches[@]}"; do
    name=$(basename "$patch" .patch)
    read -r suite tags < <(mutant_says suite "$patch")
    all=$((all + 1))
    caught_by='' caught_at='' crashed='' trouble=''
    if ! plant "$patch" "$suite"; then
      trouble='the patch does not fit'
    elif ! build_mutant "$name" "$suite"; then
      trouble="does not build, see build/mutants/log/$name-build.log"
    else
      hunt "$name" "$suite" "$tags" "$seed_count" "$jobs"
    fi
    uproot "$patch"
    if [[ -n $caught_by ]]; then
      caught=$((caught + 1))
      said=$(as_said "$(mutant_says 'caught by' "$patch")")
      [[ $said != CRASHED* ]] || by_crash+=("$name")
      mutant_row "$name" "$suite" "$caught_by" "${caught_at:--}" "$said"
    else
      mutant_row "$name" "$suite" "NOT CAUGHT${trouble:+: $trouble}" - -
    fi
  done
  ((${#by_crash[@]} == 0)) || say "only a crash showed: ${by_crash[*]}"
  say "in $(seconds_since "$begin") s"
  say "$caught/$all caught"
  ((caught == all))
}
