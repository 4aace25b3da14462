#pragma once
#include <chrono>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "app/replay/check_result.hpp"
#include "app/replay/checks.hpp"
#include "app/replay/flow_runner.hpp"
#include "app/replay/journal_audit.hpp"
#include "storage/postgres/journal.hpp"
#include "storage/postgres/read_models.hpp"

namespace sb::replay {

/// Reads journal, paper log and projections beside a running node and runs all checks over them. Reads only; blocks the
/// calling thread.
class check_run {
 public:
  check_run(const std::string& conninfo, std::filesystem::path paper_log);

  /// Throws std::runtime_error, within seconds, when the journal or the broker's log cannot be read now.
  void require_sources();

  /// Reads on until all checks hold and, at the latest after `at_most`, answers what is then wrong: before the last
  /// orders and projections have come to rest some checks cannot hold. A database or file that cannot be read is a
  /// failed check.
  std::vector<check_result> until_quiet(std::span<const acknowledged_order> orders, std::chrono::milliseconds at_most);

 private:
  std::vector<check_result> look(std::span<const acknowledged_order> orders);
  void catch_up();
  paper_log_summary read_paper_log() const;
  net_positions read_positions();
  std::vector<projected_order> read_orders();

  postgres_journal journal_;
  postgres::read_models projections_;
  std::filesystem::path paper_log_;
  journal_audit audit_;
};

}  // namespace sb::replay
