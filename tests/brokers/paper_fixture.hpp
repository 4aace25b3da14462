#pragma once
#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "actors/trade/brokers/paper_broker.hpp"

/// What the paper broker's tests speak in: a small market, an engine with a clock that moves when told, and picking
/// answers out of outputs.
namespace sb::paper_test {

inline constexpr account_id anna{1};
inline constexpr account_id ben{2};

inline money rupees(std::int64_t paise) { return {paise * (money::unit / 100)}; }

inline std::shared_ptr<const instrument_master> market() {
  return std::make_shared<const instrument_master>(std::vector<instrument>{
      {"NSE", "INFY", 1, rupees(5), 0, 20, rupees(150'000)},
      {"NSE", "SBIN", 1, rupees(5), 0, 20, rupees(80'000)},
      {"NSE", "NIFTY_31-DEC-2026_FUT", 65, rupees(10), 1800, 10, rupees(2'500'000)},
  });
}

inline broker::place buy(std::string id, std::int64_t quantity, std::int64_t paise, std::string symbol = "INFY") {
  broker::place order;
  order.id = std::move(id);
  order.organization = {7};
  order.account = anna;
  order.exchange = "NSE";
  order.symbol = std::move(symbol);
  order.quantity = quantity;
  order.price = rupees(paise);
  return order;
}
inline broker::place sell(std::string id, std::int64_t quantity, std::int64_t paise) {
  auto order = buy(std::move(id), quantity, paise);
  order.direction = side::sell;
  return order;
}
inline broker::place at_market(broker::place order) {
  order.type = order_type::market;
  order.price = {};
  return order;
}
inline broker::place ioc(broker::place order) {
  order.valid = validity::ioc;
  return order;
}

template <class T, class Variant>
std::vector<T> all_of_type(const std::vector<Variant>& from) {
  std::vector<T> found;
  for (const auto& entry : from) {
    if (const auto* body = std::get_if<T>(&entry.body)) found.push_back(*body);
  }
  return found;
}

class desk_clock {
 public:
  explicit desk_clock(paper_settings settings = {}) : broker{market(), settings} { broker.open(); }

  std::vector<paper_output> run(const paper_input& input) {
    paper_effects effects;
    broker.advance(now, effects);
    broker.handle(input, now, effects);
    return keep(std::move(effects));
  }
  /// Only lets time pass.
  std::vector<paper_output> wait(std::int64_t ms) {
    now.boot.value += ms;
    now.wall.value += ms;
    paper_effects effects;
    broker.advance(now, effects);
    return keep(std::move(effects));
  }
  std::vector<paper_output> place(const broker::place& order) {
    return run(paper_request<broker::place>{++token, order});
  }
  std::vector<paper_output> cancel(const broker::cancel& order) {
    return run(paper_request<broker::cancel>{++token, order});
  }
  std::vector<paper_output> tick(std::int64_t paise, std::int64_t volume, std::string symbol = "INFY") {
    return run(broker::price_tick{"NSE", std::move(symbol), rupees(paise), volume, now.wall});
  }
  std::vector<broker::book_order> find(const order_id& id) {
    const auto outputs = run(paper_request<broker::query>{++token, {id, anna}});
    const auto answers = all_of_type<broker::book_answer>(outputs);
    return answers.empty() ? std::vector<broker::book_order>{} : std::get<broker::book_page>(answers.front()).orders;
  }
  /// The only order with this id; the test fails when there is none or a second.
  broker::book_order the_order(const order_id& id) {
    auto orders = find(id);
    REQUIRE(orders.size() == 1);
    return orders.front();
  }

  paper_broker broker;
  broker::moment now{{1'000'000}, {1'800'000'000'000}};
  request_token token = 0;
  std::vector<paper::record> facts;  ///< everything that would be in the book's file

 private:
  std::vector<paper_output> keep(paper_effects effects) {
    facts.insert(facts.end(), effects.facts.begin(), effects.facts.end());
    return std::move(effects.outputs);
  }
};

/// The answer to the only request of these outputs; the test fails when there is none.
inline broker::place_answer placed(const std::vector<paper_output>& outputs) {
  const auto answers = all_of_type<broker::place_answer>(outputs);
  REQUIRE(answers.size() == 1);
  return answers.front();
}
inline broker::cancel_answer canceled(const std::vector<paper_output>& outputs) {
  const auto answers = all_of_type<broker::cancel_answer>(outputs);
  REQUIRE(answers.size() == 1);
  return answers.front();
}
inline broker::accepted accepted(const std::vector<paper_output>& outputs) {
  const auto answer = placed(outputs);
  REQUIRE(std::holds_alternative<broker::accepted>(answer));
  return std::get<broker::accepted>(answer);
}
inline std::string rejection_code(const std::vector<paper_output>& outputs) {
  const auto answer = placed(outputs);
  const auto* why = std::get_if<broker::rejected>(&answer);
  return why == nullptr ? "" : why->code;
}
inline std::vector<broker::report> reports(const std::vector<paper_output>& outputs) {
  return all_of_type<broker::report>(outputs);
}
inline std::vector<broker::fill> fills(const std::vector<paper_output>& outputs) {
  std::vector<broker::fill> found;
  for (const auto& report : reports(outputs)) {
    if (const auto* fill = std::get_if<broker::fill_report>(&report.what)) found.push_back(fill->filled);
  }
  return found;
}
/// (order id, quantity) of every fill report, in the order in which they were told.
inline std::vector<std::pair<order_id, std::int64_t>> shares(const std::vector<paper_output>& outputs) {
  std::vector<std::pair<order_id, std::int64_t>> found;
  for (const auto& report : reports(outputs)) {
    if (const auto* fill = std::get_if<broker::fill_report>(&report.what))
      found.emplace_back(report.id, fill->filled.quantity);
  }
  return found;
}

/// A directory that is gone with the test.
class scratch_directory {
 public:
  scratch_directory() {
    std::string name = (std::filesystem::temp_directory_path() / "paper-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~scratch_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;
  std::filesystem::path operator/(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline std::string content_of(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}
inline void overwrite(const std::filesystem::path& file, const std::string& text) {
  std::ofstream{file, std::ios::binary | std::ios::trunc} << text;
}

}  // namespace sb::paper_test
