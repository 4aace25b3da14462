# shellcheck shell=bash
# ./dev lint and ./dev format. Sourced by ./dev.

# Files that git knows or would take, as far as they exist; $@ are patterns.
source_files() {
  git -C "$root" ls-files --cached --others --exclude-standard -- "$@" | sort -u | while read -r file; do
    [[ -f $root/$file ]] && echo "$file"
  done
}

# Which folder may include what, and what may not decide anything in the functional core.
check_source_rules() {
  local -a files
  mapfile -t files < <(source_files '*.hpp' '*.cpp')
  ((${#files[@]})) || return 0
  (cd "$root" && awk -f "$root/dev.d/source_rules.awk" "${files[@]}")
}

# Changed since the last commit (all, if there is none); a changed header brings the files that include it.
changed_sources() {
  local -a changed
  git -C "$root" rev-parse --verify -q HEAD >/dev/null || {
    source_files '*.cpp'
    return
  }
  mapfile -t changed < <({
    git -C "$root" diff --name-only HEAD -- '*.hpp' '*.cpp'
    git -C "$root" ls-files --others --exclude-standard -- '*.hpp' '*.cpp'
  } | sort -u)
  local file
  for file in "${changed[@]}"; do
    case $file in
      *.cpp) [[ -f $root/$file ]] && echo "$file" ;;
      *.hpp) source_files '*.cpp' | (cd "$root" && xargs -r grep -lF "#include \"$file\"") ;;
    esac
  done | sort -u
}

check_format() {
  local found
  found=$(cd "$root" && clang-format-14 --dry-run -Werror "$@" 2>&1) && return 0
  sed -nE 's/^([^:]+):[0-9]+:[0-9]+: error: .*/\1/p' <<<"$found" | sort -u
  echo "not formatted; ./dev format does it"
  return 1
}

# clang-tidy of what the release build compiles. g++'s precompiled header and its own warning options are nothing for clang.
tidy() {
  local -a files=("$@") known
  mkdir -p "$root/build/lint"
  sed -E 's/ -Winvalid-pch//g; s/ -Wno-maybe-uninitialized//g; s/ -include [^ ]*cmake_pch\.hxx//g' "$root/build/release/compile_commands.json" \
    >"$root/build/lint/compile_commands.json"
  mapfile -t known < <(for file in "${files[@]}"; do
    grep -qF "\"$root/$file\"" "$root/build/lint/compile_commands.json" && echo "$file"
  done)
  ((${#known[@]})) || return 0
  cd "$root" || return 1
  local status=0
  printf '%s\0' "${known[@]}" |
    xargs -0 -n 1 -P "$(nproc)" clang-tidy-14 -p build/lint --quiet >build/lint/findings 2>&1 || status=$?
  grep -vE '^[0-9]+ (warnings?|errors?).* generated|^Suppressed |^Use -header-filter' build/lint/findings
  return "$status"
}

lint_failed=0
# check NAME COMMAND...: one line, and on failure what the command said.
check() {
  local name=$1 log=$build_log/lint-$1.log begin=$EPOCHREALTIME
  shift
  if quietly "$log" "$@"; then
    printf '%-12s ok  (%s s)\n' "$name" "$(seconds_since "$begin")"
  else
    printf '%-12s FAILED  (%s s)\n' "$name" "$(seconds_since "$begin")"
    head -n 100 "$log"
    lint_failed=1
  fi
}

lint_command() {
  local all=''
  local -a cpp files
  case ${1:-} in
    '') ;;
    --all) all=yes ;;
    *) fail "lint: unknown option $1" 2 ;;
  esac
  install_packages "${build_packages[@]}" "${lint_packages[@]}"
  mapfile -t cpp < <(source_files '*.hpp' '*.cpp')
  if ((${#cpp[@]})); then check format check_format "${cpp[@]}"; fi
  check source-rules check_source_rules
  # dev.d is checked as part of dev, which sources it.
  check shellcheck shellcheck --external-sources --check-sourced dev .ci/run
  if [[ -n $all ]]; then mapfile -t files < <(source_files '*.cpp'); else mapfile -t files < <(changed_sources); fi
  if ((${#files[@]})); then
    if [[ ! -f $root/build/release/compile_commands.json ]]; then
      check configure cmake -S "$root" --preset release
    fi
    say "clang-tidy: ${#files[@]} files"
    check clang-tidy tidy "${files[@]}"
  fi
  exit "$lint_failed"
}

format_command() {
  install_packages "${lint_packages[@]}"
  local -a cpp
  mapfile -t cpp < <(source_files '*.hpp' '*.cpp')
  ((${#cpp[@]} == 0)) || clang-format-14 -i "${cpp[@]}"
}
