# shellcheck shell=bash
# What each command needs from Debian 12, and its installation. Sourced by ./dev.

build_packages=(
  build-essential g++ cmake ninja-build ccache mold pkg-config git curl
  libcaf-dev libboost1.81-dev libpq-dev prometheus-cpp-dev nlohmann-json3-dev libsimdjson-dev catch2 libssl-dev libcurl4-openssl-dev
  libyaml-cpp-dev libspdlog-dev libfmt-dev libcli11-dev libhowardhinnant-date-dev libcjose-dev libjansson-dev
  libargon2-dev libabsl-dev liblzma-dev libmimalloc-dev xz-utils postgresql-15
)
test_packages=(python3 python3-pytest python3-requests)
fuzz_packages=(clang-14 libclang-rt-14-dev)
abuse_packages=(wrk slowhttptest python3-venv)
chaos_packages=(faketime libfaketime strace util-linux)
lint_packages=(clang-format-14 clang-tidy-14 shellcheck git)
bench_packages=(
  wrk python3-fastapi python3-uvicorn python3-asyncpg python3-uvloop python3-httptools python3-ujson python3-jwt
  python3-aiohttp
)

# Debian makes and starts a cluster of its own when postgresql-15 is installed; ours is private and under DIR.
forbid_main_cluster() {
  local file=/etc/postgresql-common/createcluster.conf
  # shellcheck disable=SC2016  # expanded by the inner shell, which may run by sudo
  "$@" sh -c 'mkdir -p "$(dirname "$1")" && touch "$1" &&
    sed -i -E "/^[[:space:]]*#?[[:space:]]*create_main_cluster[[:space:]]*=/d" "$1" &&
    echo "create_main_cluster = false" >>"$1"' sh "$file"
}

# install_packages NAME...: one dpkg-query when all are there.
install_packages() {
  local -A installed=()
  local -a missing=() as_root=()
  local state name
  command -v dpkg-query >/dev/null || fail "Debian 12 is needed: this system has no dpkg" 2
  while read -r state name; do
    [[ $state == installed ]] && installed[$name]=1
  done < <(dpkg-query --show --showformat='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null)
  for name in "$@"; do
    [[ -n ${installed[$name]:-} ]] || missing+=("$name")
  done
  ((${#missing[@]})) || return 0

  local ID='' VERSION_ID='' PRETTY_NAME=''
  # shellcheck source=/dev/null
  source /etc/os-release
  [[ $ID == debian && $VERSION_ID == 12* ]] ||
    fail "packages are missing (${missing[*]}), and this is ${PRETTY_NAME:-not Debian}: Debian 12 is needed" 2
  if ((EUID != 0)); then
    command -v sudo >/dev/null || fail "no sudo here; as root: apt-get install --no-install-recommends ${missing[*]}" 2
    as_root=(sudo)
    sudo -v || fail "sudo is refused; as root: apt-get install --no-install-recommends ${missing[*]}" 2
  fi
  say "install: ${missing[*]}"
  if [[ " ${missing[*]} " == *" postgresql-15 "* ]]; then
    forbid_main_cluster "${as_root[@]}" || fail "cannot write /etc/postgresql-common/createcluster.conf" 2
  fi
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300)
  quietly "$build_log/apt-update.log" "${apt[@]}" update || say "install: apt-get update failed, trying with the lists there are"
  if ! quietly "$build_log/apt-install.log" "${apt[@]}" -y -o Dpkg::Options::=--force-confold install \
    --no-install-recommends "${missing[@]}"; then
    tail -n 15 "$build_log/apt-install.log" >&2
    fail "apt-get could not install what is missing, see build/log/apt-install.log" 2
  fi
}
