#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/progress.hpp"
#include "app/replay/http_client.hpp"
#include "app/replay/order_flow.hpp"
#include "app/replay/schedule.hpp"
#include "app/replay/tally.hpp"
#include "app/replay/trading_floor.hpp"
#include "domain/ids.hpp"

namespace sb::replay {

/// A fill that the server has acknowledged.
struct acknowledged_fill {
  std::string fill_id;
  std::int64_t quantity = 0;
  money price;
};
/// What a client of the server knows of one order: what it sent and which answers it has.
struct acknowledged_order {
  enum class answer : std::uint8_t { none, accepted, pending, denied };

  answer placed = answer::none;  ///< none: not acknowledged, nothing below counts
  order_id id;
  std::string client_order_id;
  organization_id organization;
  account_id account;
  std::string exchange;
  std::string symbol;
  side direction = side::buy;
  std::int64_t quantity = 0;
  money price;
  bool canceled = false;  ///< a CANCEL was answered 200
  std::vector<acknowledged_fill> fills;
};

/// Sends a recording's rows as requests and keeps what their answers said. One thread.
class flow_runner {
 public:
  struct settings {
    std::string run;
    std::optional<double> speed;
    std::chrono::milliseconds patience{60'000};  ///< how long a row is sent again after 503 or no answer
  };
  /// All references must outlive it.
  flow_runner(const order_flow& flow, const order_mapping& mapping, trading_floor& floor, http_client& http,
              progress& shown, settings how);

  /// Returns when every row has its final answer.
  void run();
  const tally& counts() const { return tally_; }
  /// One for each order of the recording.
  const std::vector<acknowledged_order>& orders() const { return orders_; }

 private:
  using clock = std::chrono::steady_clock;
  struct row_state {
    clock::time_point first_failure{};  ///< of 503 or no answer; zero: none so far
    bool token_renewed = false;         ///< a second 401 is final
  };
  struct login_state {
    bool asked = false;
    int failures = 0;                  ///< asked again after 429, 503 or no answer
    std::vector<std::size_t> waiting;  ///< rows that a new token sends on
    clock::time_point ask_at{};
  };

  std::int64_t now_ms() const;
  void start(std::size_t row);
  http_call call_of(std::size_t row) const;
  std::size_t user_of(std::size_t row) const;
  void answered(std::size_t row, http_answer&& answer);
  bool send_again(std::size_t row, const http_answer& answer);
  void finish(std::size_t row, const http_answer& answer);
  void finish_submit(const flow_row& row, const http_answer& answer);
  void finish_cancel(const flow_row& row, const http_answer& answer);
  void finish_execute(const flow_row& row, const http_answer& answer);
  void unexpected(std::size_t row, const http_answer& answer);
  void renew_token(std::size_t user, std::size_t row);
  void ask_for_tokens();
  void renewed(std::size_t user, const http_answer& answer);
  void count_fills();

  const order_flow& flow_;
  const order_mapping& mapping_;
  trading_floor& floor_;
  http_client& http_;
  progress& progress_;
  settings settings_;
  schedule schedule_;
  tally tally_;
  std::vector<acknowledged_order> orders_;
  std::vector<row_state> rows_;
  std::vector<login_state> logins_;
  clock::time_point began_;
  clock::time_point paused_until_{};  ///< the node seems to be gone
};

}  // namespace sb::replay
