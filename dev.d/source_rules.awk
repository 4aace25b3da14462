# Checks the one direction of includes, and that the functional core has no clock, chance, thread or floating point.
# Input: C++ files, named relative to the root. Prints "file:line: what" for each breach; exit status 1 if there is one.
#
# A row: files whose path begins with `folder` (the first row that fits counts) may include our own headers that begin with
# one of `ours`, headers of others that begin with one of `others`, and the standard library. "x/*" is what lies in x itself
# and not in a folder below it, "*" is everything. A file without a row is a breach: a new layer has to be thought about.

function row(folder, ours, others) {
  rows++
  row_folder[rows] = folder
  row_ours[rows] = ours
  row_others[rows] = others
}

function begins_with_one_of(path, list, count, parts, i, folder) {
  if (list == "*") return 1
  count = split(list, parts, " ")
  for (i = 1; i <= count; i++) {
    if (index(path, parts[i]) == 1) return 1
    folder = substr(parts[i], 1, length(parts[i]) - 1)
    if (parts[i] ~ /\*$/ && index(path, folder) == 1 && substr(path, length(folder) + 1) !~ /\//) return 1
  }
  return 0
}

function breach(what) {
  printf "%s:%d: %s\n", FILENAME, FNR, what
  breaches++
}

BEGIN {
  posix = "sys/ arpa/ netinet/ net/ unistd.h fcntl.h poll.h signal.h pthread.h dirent.h netdb.h time.h termios.h spawn.h"
  # In storage/ itself lie records, codecs and the journal's interface, which are plain C++; libpq is a folder below.
  entity_ours = "actors/protocol/ domain/ runtime/ metrics/ storage/*"

  row("domain/", "domain/", "")
  row("runtime/", "runtime/ domain/ storage/*", "")
  row("storage/postgres/", "storage/ domain/", posix " libpq-fe.h openssl/")
  row("storage/", "storage/ domain/", posix " simdjson.h openssl/")
  row("actors/protocol/", "actors/protocol/ domain/ runtime/ storage/*", "caf/ openssl/")
  row("actors/journal/", "actors/journal/ actors/protocol/ runtime/ storage/ metrics/ domain/ids.hpp", "caf/ " posix)
  row("actors/trade/brokers/", "actors/trade/brokers/ domain/", "absl/container/ curl/ " posix)
  row("actors/alerts/channels/", "actors/alerts/channels/ domain/", "curl/ openssl/ " posix)
  row("actors/user/", "actors/user/ " entity_ours, "caf/ " posix)
  row("actors/trade/", "actors/trade/ " entity_ours, "caf/ " posix)
  row("actors/alerts/", "actors/alerts/ " entity_ours, "caf/ " posix)
  row("actors/projection/", "actors/projection/ storage/ " entity_ours, "caf/ " posix)
  # Only the tree knows the other actors.
  row("actors/supervision/tree", "actors/ domain/ runtime/ metrics/", "caf/ " posix)
  row("actors/supervision/", "actors/supervision/ actors/protocol/ runtime/ metrics/ domain/supervision/ domain/ids.hpp", "caf/ " posix)
  row("web/server/", "web/server/", "boost/ openssl/ " posix)
  # The requests and answers themselves are plain structs of runtime/, and recently_used is a plain container.
  row("web/", "web/ actors/protocol/ domain/ metrics/ runtime/messages.hpp runtime/address.hpp runtime/recently_used.hpp", "caf/ nlohmann/ simdjson.h cjose/ jansson.h argon2.h openssl/ " posix)
  row("metrics/", "metrics/", "prometheus/")
  row("config/", "config/ domain/ actors/trade/brokers/", "yaml-cpp/ " posix)
  row("app/", "*", "*")
  row("tests/", "*", "*")
  row("bench/", "*", "*")

  own = "domain/ runtime/ storage/ actors/ web/ metrics/ config/ app/ tests/ bench/"
  core_banned_headers = " thread mutex shared_mutex condition_variable future random ctime fstream iostream filesystem "
  not_deterministic = "(system|steady|high_resolution|utc)_clock|random_device|gettimeofday|clock_gettime|getenv|thread_local" \
    "|this_thread|(^|[^A-Za-z0-9_])(rand|srand|random|drand48)[[:space:]]*\\(|(^|[^A-Za-z0-9_])time[[:space:]]*\\([[:space:]]*(0|NULL|nullptr|&)"
}

FNR == 1 {
  rule = 0
  for (i = 1; i <= rows && !rule; i++)
    if (index(FILENAME, row_folder[i]) == 1) rule = i
  if (!rule) breach("this folder has no row in dev.d/source_rules.awk")
  core = FILENAME ~ /^(domain|runtime)\//
}

{ sub(/\/\/.*/, "") }

rule && /^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]/ {
  path = $0
  sub(/^[^<"]*[<"]/, "", path)
  sub(/[>"].*$/, "", path)
  if (path == "caf/all.hpp" && FILENAME ~ /\.hpp$/) breach("caf/all.hpp makes each includer slow: include the one header needed")
  if (begins_with_one_of(path, own)) {
    if (!begins_with_one_of(path, row_ours[rule])) breach(row_folder[rule] " may not include " path)
    if (FILENAME !~ /^(app|tests)\// && path ~ /^app\//) breach("app/ is not included by others")
  } else if (path ~ /[\/.]/) {
    if (!begins_with_one_of(path, row_others[rule])) breach(row_folder[rule] " may not include " path)
  } else if (core && index(core_banned_headers, " " path " ")) {
    breach(row_folder[rule] " may not include <" path ">")
  }
}

core && $0 ~ not_deterministic { breach("clocks, chance, threads and the environment come in as arguments here") }
core && /(^|[^A-Za-z0-9_])(double|float)([^A-Za-z0-9_]|$)/ { breach("no floating point here") }

END { exit breaches > 0 }
