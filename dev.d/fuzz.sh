# shellcheck shell=bash
# ./dev fuzz: libFuzzer over what reads bytes from outside. Sourced by ./dev.

fuzz_targets=(json request token settings event)
fuzz_input_bytes_max=8192

# Seeds of a target: our own, what was found before, what earlier runs added, and other people's, unpacked where it is read.
fuzz_seeds() {
  local name=$1 shared=${SB_SHARED:-$root/../shared}/corpora/bad-input.tar.xz unpacked=$root/build/fuzz/corpora
  local -a seeds=("$root/build/fuzz/corpus/$name" "$root/tests/fuzz/corpus/$name" "$root/tests/fuzz/found/$name")
  if [[ ! -d $unpacked && -f $shared ]]; then
    mkdir -p "$unpacked.new" && tar -xJf "$shared" -C "$unpacked.new" && mv "$unpacked.new" "$unpacked"
  fi
  [[ ! -d $unpacked ]] || seeds+=("$unpacked")
  mkdir -p "${seeds[@]:0:1}" "${seeds[@]:2:1}"
  [[ $name != settings ]] || cp "$root/config/stocksblitz.yaml" "${seeds[0]}/shipped"
  printf '%s\n' "${seeds[@]}"
}

# fuzz_one NAME SECONDS: one line; false when something was found.
fuzz_one() {
  local name=$1 seconds=$2 log=$build_log/fuzz-$1.log found=$root/tests/fuzz/found/$1 status=0 runs covered
  local -a seeds new
  mapfile -t seeds < <(fuzz_seeds "$name")
  touch "$build_log/fuzz-begin"
  # A finding ends the program; what it ended with is kept by its hash. The time bound is libFuzzer's own, the outer one is for a
  # target that hangs in a way that libFuzzer does not see.
  quietly "$log" timeout --kill-after=10 $((seconds + 120)) "$root/build/fuzz/fuzz_$name" "${seeds[@]}" \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len="$fuzz_input_bytes_max" -use_value_profile=1 \
    -print_final_stats=1 -artifact_prefix="$found/" || status=$?
  runs=$(last_number '^stat::number_of_executed_units: +([0-9]+).*' "$log")
  covered=$(sed -nE 's/^#[0-9]+.* cov: ([0-9]+) .*/\1/p' "$log" | tail -n 1)
  mapfile -t new < <(find "$found" -type f -newer "$build_log/fuzz-begin" | sort)
  printf '%-10s %12s inputs  %6s edges  %s\n' "$name" "${runs:-0}" "${covered:-0}" \
    "$( ((status == 0)) && echo 'nothing found' || echo "FOUND: ${new[*]#"$root/"} (status $status)")"
  ((status == 0)) && return 0
  grep -E -m 5 'what\(\)|ERROR: |runtime error|SUMMARY|^    #[0-9] ' "$log" | cut -c 1-200
  return 1
}

fuzz_command() {
  local seconds=60 name failed=''
  local -a wanted=()
  while (($#)); do
    case $1 in
      --seconds)
        (($# >= 2)) || fail "--seconds needs a value" 2
        seconds=$2
        shift
        ;;
      -*) fail "fuzz: unknown option $1" 2 ;;
      *)
        [[ " ${fuzz_targets[*]} " == *" $1 "* ]] || fail "fuzz: there is no target \"$1\"; there are ${fuzz_targets[*]}" 2
        wanted+=("$1")
        ;;
    esac
    shift
  done
  [[ $seconds =~ ^[1-9][0-9]{0,5}$ ]] || fail "--seconds must be from 1 to 999999" 2
  ((${#wanted[@]})) || wanted=("${fuzz_targets[@]}")
  install_packages "${build_packages[@]}" "${fuzz_packages[@]}"
  build fuzz "${wanted[@]/#/fuzz_}" || exit 1
  say "fuzz: $seconds s for each target"
  for name in "${wanted[@]}"; do fuzz_one "$name" "$seconds" || failed=yes; done
  [[ -z $failed ]] || say "fuzz: ./dev test fuzz runs each found input again; it stays a test"
  [[ -z $failed ]]
  exit
}
