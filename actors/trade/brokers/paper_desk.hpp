#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "actors/trade/brokers/paper_book.hpp"
#include "actors/trade/brokers/paper_broker.hpp"

namespace sb {

/// The paper broker with its durable book: what the actor around it owns. One thread at a time.
class paper_desk {
 public:
  /// Opens the book (made if absent) and finds all orders again. Closed ones are kept in a scratch file beside it,
  /// whatever the settings say. Throws paper_book_error, and std::system_error when a closed order cannot be read
  /// again.
  paper_desk(std::filesystem::path book, std::shared_ptr<const instrument_master> instruments,
             const paper_settings& settings);

  /// Does what is due, then the batch, stores all facts with one write, and only then hands out what may leave (each at
  /// its `due`). Throws paper_book_error when storing failed, std::system_error when a closed order cannot be read
  /// again: this object is then done for, and a new one finds the truth.
  std::vector<paper_output> run(std::span<const paper_input> batch, broker::moment now);

  /// When to call run() again with nothing in the batch.
  std::optional<boot_ms> next_due() const { return broker_.next_due(); }
  fault_switches& faults() { return broker_.faults(); }
  void set_id_mode(client_id_mode mode, account_id account = {}) { broker_.set_id_mode(mode, account); }
  const paper_broker& broker() const { return broker_; }

 private:
  paper_broker broker_;
  paper_book book_;
};

}  // namespace sb
