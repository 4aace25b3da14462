#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "actors/trade/brokers/booked_orders.hpp"
#include "actors/trade/brokers/broker.hpp"
#include "actors/trade/brokers/fault_switches.hpp"
#include "actors/trade/brokers/paper_record.hpp"
#include "actors/trade/brokers/symbol_market.hpp"
#include "domain/instruments/instrument.hpp"

/// A broker and its exchange in one class: books orders, matches them against price ticks, tells what happened. Pure:
/// no clock, no file but the scratch file of its closed orders, no thread. Inputs go in with the time at which they
/// arrive; facts and outputs come out, and the owner stores the facts before it lets any output go (paper_desk does).
namespace sb {

/// `unique`: a client id makes one order; placing it again answers with the first, and a cancel of an id never seen
/// blocks it for good. `tag_only`: the id is a note on the order; placing it again makes a second order.
enum class client_id_mode : std::uint8_t { unique, tag_only };

struct paper_settings {
  std::uint64_t seed = 1;
  bool external_market = false;  ///< only external fills trade; ticks then only tell the price
  client_id_mode id_mode = client_id_mode::unique;
  std::int64_t orders_max = 2'000'000;    ///< orders and blocked ids; beyond: BOOK_FULL
  std::int64_t reports_max = 8'000'000;   ///< beyond: BOOK_FULL, and nothing trades any more; cancels still pass
  std::size_t deferred_max = 100'000;     ///< requests held back by late faults; beyond they are dropped
  paper::closed_store_settings closed{};  ///< where closed orders are kept
};

/// The owner's mark on a request; its answer carries it.
using request_token = std::uint64_t;
template <class Request>
struct paper_request {
  request_token token = 0;
  Request body;
};
/// What the market traded against one of our orders, told from outside. With an `execution_id` the same execution told
/// again is answered with the first fill, and another one under that id is refused.
struct external_fill {
  order_id id;
  money price;
  std::int64_t quantity = 0;
  std::string execution_id;
};
/// Every working order of validity DAY expires.
struct trading_day_end {};
using paper_input =
    std::variant<paper_request<broker::place>, paper_request<broker::cancel>, paper_request<broker::query>,
                 paper_request<broker::read_book>, paper_request<external_fill>, broker::price_tick, trading_day_end>;

enum class external_fill_refusal : std::uint8_t {
  not_external,
  invalid,
  order_not_found,
  order_closed,
  book_full,
  execution_reused,  ///< this execution_id was told with another price or quantity
};
/// The fill, clipped to what was left of the order.
using external_fill_answer = std::variant<broker::fill, external_fill_refusal>;

struct paper_output {
  boot_ms due;              ///< not to leave before
  request_token token = 0;  ///< 0 for reports
  std::variant<broker::place_answer, broker::cancel_answer, broker::book_answer, external_fill_answer, broker::report>
      body;
  friend bool operator==(const paper_output&, const paper_output&) = default;
};
struct paper_effects {
  std::vector<paper::record> facts;   ///< to be stored, in this order, before any of
  std::vector<paper_output> outputs;  ///< these leaves; an answer stands before the reports of what it caused
};

class paper_broker {
 public:
  paper_broker(std::shared_ptr<const instrument_master> instruments, const paper_settings& settings);

  /// Takes one fact of the book's file at start; an empty text, or why it cannot follow the facts before it.
  std::string restore(const paper::record& fact);
  /// The book has been read, or there was none: queues and indexes are made of what it has. Once; when memory is short
  /// this object is done for. handle(), advance() and orders_with_id() throw std::logic_error before it, restore() and
  /// another open() after it, and change nothing.
  void open();

  /// `now` never runs backwards. advance() does what late faults held back until now; call it before the inputs of a
  /// batch and at next_due().
  void handle(const paper_input& input, broker::moment now, paper_effects& out);
  void advance(broker::moment now, paper_effects& out);
  std::optional<boot_ms> next_due() const;

  fault_switches& faults() { return faults_; }
  /// For one account, or for all that have no mode of their own.
  void set_id_mode(client_id_mode mode, account_id account = {});

  /// Every order with this client id, in the order in which they were booked. Like handle() and restore() it throws
  /// std::system_error when a closed order cannot be read again; this object is then done for.
  std::vector<broker::book_order> orders_with_id(const order_id& id) const;
  std::int64_t last_report() const { return reports_; }
  std::int64_t orders() const { return orders_.count(); }
  std::size_t closed_bytes_in_memory() const { return orders_.bytes_in_memory(); }
  std::int64_t working_orders() const { return std::ssize(orders_.all_working()); }

 private:
  struct late_rejection {
    std::int64_t number = 0;
  };
  using deferred_action = std::variant<broker::place, broker::cancel, late_rejection>;
  /// Where the answer to a request goes; absent for one that is never answered.
  struct answer_slot {
    request_token token = 0;
    boot_ms due;
  };
  using route = std::optional<answer_slot>;
  using booked_order = paper::booked_order;
  /// Where a working order waits to trade.
  struct resting {
    resting_side* queue = nullptr;
    resting_side::priority priority;
  };
  struct fold;

  // paper_broker.cpp: requests
  void on(const paper_request<broker::place>& request, broker::moment now, paper_effects& out);
  void on(const paper_request<broker::cancel>& request, broker::moment now, paper_effects& out);
  void on(const paper_request<broker::query>& request, broker::moment now, paper_effects& out);
  void on(const paper_request<broker::read_book>& request, broker::moment now, paper_effects& out);
  void on(const paper_request<external_fill>& request, broker::moment now, paper_effects& out);
  void on(const broker::price_tick& tick, broker::moment now, paper_effects& out);
  void on(const trading_day_end& end, broker::moment now, paper_effects& out);
  void book(const broker::place& order, const fault_draw& fault, const route& to, broker::moment now,
            paper_effects& out);
  void refuse(const broker::place& order, broker::rejected why, const route& to, broker::moment now,
              paper_effects& out);
  void cancel_orders(const broker::cancel& order, const route& to, broker::moment now, paper_effects& out);
  void answer_read(request_token token, account_id account, broker::book_page page, broker::moment now,
                   paper_effects& out);
  external_fill_answer fill_from_outside(const external_fill& fill, broker::moment now, paper_effects& out);
  void trade(symbol_market& market, side direction, bool in_answer, broker::moment now, paper_effects& out);
  broker::fill fill_order(std::int64_t number, broker::fill fill, bool in_answer, broker::moment now,
                          paper_effects& out);
  broker::place_answer answer_for(std::int64_t number) const;
  void defer(deferred_action action, boot_ms due);
  client_id_mode mode_of(account_id account) const;
  bool full() const;
  std::optional<broker::rejected> refusal_of(const broker::place& order);
  broker::book_page page_of(const broker::read_book& request) const;

  // paper_state.cpp: the fold
  void commit(paper::record fact, boot_ms due, bool in_answer, paper_effects& out);
  std::string apply(const paper::record& fact);
  std::optional<broker::report> report_of(const paper::record& fact) const;
  broker::book_order view_of(std::int64_t number) const;
  symbol_market* listed_market(std::string_view exchange, std::string_view symbol);
  symbol_market& market_of(const broker::place& order);
  bool works(std::int64_t number) const { return orders_.working(number) != nullptr; }
  static resting resting_of(std::int64_t number, const booked_order& order);
  std::optional<resting> resting_of(std::int64_t number) const;
  void require_open() const;
  std::int64_t next_number() const { return orders() + 1; }
  std::int64_t next_report() const { return last_report() + 1; }

  std::shared_ptr<const instrument_master> instruments_;
  paper_settings settings_;
  fault_switches faults_;
  std::map<account_id, client_id_mode> id_modes_;

  paper::booked_orders orders_;
  std::unordered_set<order_id> blocked_;
  std::vector<symbol_market> markets_;  ///< one for each listed instrument, in the master's order; never resized
  std::map<std::pair<std::string, std::string>, symbol_market>
      delisted_;  ///< of orders from before a change of the file
  std::int64_t reports_ = 0;
  std::multimap<std::int64_t, deferred_action> deferred_;  ///< by due time, first in first out
};

}  // namespace sb
