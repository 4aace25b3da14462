#include "app/audit/verify.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <fstream>
#include <iostream>
#include <limits>
#include <optional>
#include <stdexcept>
#include <utility>

#include "app/progress.hpp"
#include "config/settings.hpp"

namespace sb {
namespace audit {
namespace {

constexpr std::size_t heads_at_once = 4'000;

void look_up(journal_reader& reader, anchor_check& check) {
  if (check.waiting().empty()) return;
  check.compare(reader.hashes(check.waiting()));
}

}  // namespace

audit_totals verify_rows(journal_reader& reader, finding_list& findings, const on_rows& told) {
  const auto ends = reader.ends();
  std::int64_t total = 0;
  for (const auto& end : ends) {
    // A forged number is no reason to promise so many rows.
    const auto rows = std::min(end.last_seq.value_or(0), end.head.head.head);
    if (rows > 0 && __builtin_add_overflow(total, rows, &total)) total = std::numeric_limits<std::int64_t>::max();
  }
  audit_totals totals;
  for (const auto& end : ends) {
    const auto shard = end.head.head.shard;
    shard_check check{shard, findings};
    if (end.last_seq) {
      reader.read(shard, *end.last_seq, [&](const std::vector<stored_row>& page) {
        for (const auto& row : page) check.take(row);
        told(totals.rows + check.rows(), total);
      });
      totals.last_seqs[shard] = check.last_seq();
    }
    check.finish(end.head);
    totals.rows += check.rows();
    totals.events += check.events();
  }
  return totals;
}

bool verify_anchors(journal_reader& reader, const std::filesystem::path& file, anchor_check& check,
                    finding_list& findings) {
  std::ifstream in{file, std::ios::binary};
  if (!in) throw std::runtime_error{file.string() + ": cannot be opened"};
  std::vector<char> buffer(anchor_line_bytes_max + 1);
  bool cut_off = false;
  for (std::int64_t number = 1; in.getline(buffer.data(), std::ssize(buffer)) || in.gcount() > 0; ++number) {
    const auto place = file.filename().string() + " line " + std::to_string(number);
    if (in.eof()) {
      cut_off = true;
      break;
    }
    if (in.bad()) break;
    if (in.fail()) {  // the buffer is full
      findings.add(place, "not a line that a node has written");
      in.clear();
      in.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
      continue;
    }
    check.take(place, {buffer.data(), static_cast<std::size_t>(in.gcount() - 1)});
    if (check.waiting().size() >= heads_at_once) look_up(reader, check);
  }
  if (in.bad()) throw std::runtime_error{file.string() + ": cannot be read"};
  look_up(reader, check);
  return cut_off;
}

}  // namespace audit

namespace {

constexpr std::chrono::milliseconds statement_deadline{20'000};

void require(bool right, const std::string& what) {
  if (!right) throw std::runtime_error{what};
}

std::vector<audit::anchor_key> load_keys(const audit_options& options) {
  auto files = options.keys;
  if (files.empty()) files.push_back(options.data_dir / auth_settings{}.key_file);
  std::vector<audit::anchor_key> keys;
  for (const auto& file : files) {
    for (auto& key : audit::load_anchor_keys(file)) keys.push_back(std::move(key));
  }
  return keys;
}

/// "3 rows", "1 row"
std::string counted(std::int64_t count, const std::string& what) {
  return std::to_string(count) + ' ' + what + (count == 1 ? "" : "s");
}

void verify_all_anchors(const audit_options& options, audit::journal_reader& reader, audit::anchor_check& check,
                        const audit::audit_totals& totals, audit::finding_list& findings) {
  auto files = options.anchors;
  if (files.empty()) files.push_back(options.data_dir / "anchors.log");
  for (const auto& file : files) {
    if (audit::verify_anchors(reader, file, check, findings))
      std::cout << file.string() << ": the last line has no end and was not looked at\n";
  }
  std::int64_t after = 0;
  for (const auto& [shard, seq] : totals.last_seqs) after += std::max<std::int64_t>(0, seq - check.anchored_seq(shard));
  std::cout << "anchors: " << counted(check.lines(), "line") << ", " << counted(check.heads(), "head");
  if (check.last_at()) std::cout << ", the last of " << audit::utc_text(*check.last_at());
  std::cout << "; " << counted(after, "row") << " after the last anchored one\n";
}

void verify_all(const audit_options& options, audit::finding_list& findings) {
  require(!options.conninfo.empty(), "it needs the node's database: set STOCKSBLITZ_DATABASE");
  std::optional<audit::anchor_check> anchors;
  if (options.anchored) anchors.emplace(load_keys(options), findings);
  postgres::connection database{options.conninfo, {"audit", ::getpid()}, postgres::plans::generic};
  audit::journal_reader reader{database, statement_deadline};
  progress shown{std::cerr, ::isatty(STDERR_FILENO) == 1};
  std::int64_t rows = 0;
  const auto remark = [&findings] { return counted(findings.count(), "finding"); };
  const auto totals = audit::verify_rows(reader, findings, [&](std::int64_t done, std::int64_t total) {
    rows = total;
    shown.show(static_cast<std::size_t>(done), static_cast<std::size_t>(total), remark);
  });
  shown.close(static_cast<std::size_t>(totals.rows), static_cast<std::size_t>(rows), remark);
  std::cout << "journal: " << counted(totals.rows, "row") << " with " << counted(totals.events, "event") << " in "
            << counted(std::ssize(totals.last_seqs), "shard") << '\n';
  if (anchors) verify_all_anchors(options, reader, *anchors, totals, findings);
}

}  // namespace

int run_audit(const audit_options& options) {
  audit::finding_list findings;
  std::string failure;
  try {
    verify_all(options, findings);
  } catch (const std::exception& error) {
    failure = error.what();
  }
  std::cout << format(findings);  // also what was found before the failure
  if (!failure.empty()) {
    std::cout << std::flush;
    std::cerr << "audit: " << failure << '\n';
    return 2;
  }
  std::cout << (findings.empty() ? "nothing found" : counted(findings.count(), "finding")) << std::endl;
  return findings.empty() ? 0 : 1;
}

}  // namespace sb
