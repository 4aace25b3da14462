#pragma once
#include <array>
#include <cstdint>
#include <istream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/trade/brokers/broker.hpp"
#include "actors/trade/brokers/paper_record.hpp"

/// Reading the paper broker's book without the paper broker: for checks that compare it with our journal.
namespace sb {

/// Reads one record after the other from a stream that outlives the reader and does not throw by itself. Memory is one
/// line.
class paper_log {
 public:
  explicit paper_log(std::istream& file);

  /// nullopt at the end, at a corrupt line and where the stream cannot be read; error() tells them apart.
  std::optional<paper::record> next();
  /// Empty while every line was read and right. A last line without its newline is no error: it was never answered.
  const std::string& error() const { return error_; }
  /// Of the line read last, from 1.
  std::int64_t line_number() const { return line_number_; }
  /// Bytes up to the end of the last whole line.
  std::int64_t whole_bytes() const { return whole_bytes_; }
  /// The stream ended inside a line.
  bool torn() const { return torn_; }

 private:
  std::optional<std::string_view> read_line();

  std::istream& file_;
  std::array<char, paper::line_length_max> room_{};  ///< of the line that was read last
  std::string error_;
  std::int64_t line_number_ = 0;
  std::int64_t whole_bytes_ = 0;
  bool torn_ = false;
};

/// The whole log folded. `orders` is in the order of booking. Independent of the matching engine on purpose: a check
/// that used the engine's own fold would agree with its mistakes.
struct paper_log_summary {
  std::vector<broker::book_order> orders;
  std::vector<order_id> blocked_ids;
  std::int64_t reports = 0;
  std::string error;  ///< empty, or what is wrong and where; the rest is then what came before
};
paper_log_summary summarize_paper_log(std::istream& file);

}  // namespace sb
