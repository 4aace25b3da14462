#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

#include "actors/trade/brokers/dice.hpp"
#include "domain/ids.hpp"

/// What the paper broker does wrong on purpose, and when.
namespace sb {

enum class paper_fault : std::uint8_t {
  reject,              ///< refused, nothing done
  slow,                ///< done at once, the answer leaves `delay_ms` later
  accept_then_hang,    ///< done, the answer never leaves
  drop_before_accept,  ///< nothing done, no answer
  late_accept,         ///< done only `delay_ms` later, no answer
  late_reject,         ///< placing: accepted and answered; rejected `delay_ms` later unless something was filled
  duplicate_fill,      ///< a fill is reported twice under the same fill id
};
enum class broker_operation : std::uint8_t { place, cancel, read };

/// "accept_then_hang", "place": the words of settings and of the operations API.
std::string_view word(paper_fault fault);
std::string_view word(broker_operation operation);
std::optional<paper_fault> paper_fault_from(std::string_view text);
std::optional<broker_operation> broker_operation_from(std::string_view text);

/// Fires for the next `next` occasions, then with `probability_ppm` in a million. A rule that is used up is gone.
struct fault_rule {
  paper_fault fault = paper_fault::reject;
  broker_operation on = broker_operation::place;  ///< late_reject and duplicate_fill: place only
  account_id account;                             ///< none: every account that has no rule of its own for this fault
  std::int32_t probability_ppm = 0;
  std::int64_t next = 0;
  std::int64_t delay_ms = 0;  ///< slow, late_accept, late_reject; at most delay_ms_max
  friend bool operator==(const fault_rule&, const fault_rule&) = default;
};

/// The faults of one request. Where several fired: drop, then late, then reject, then the rest together.
struct fault_draw {
  bool reject = false;
  bool hang = false;
  bool drop = false;
  std::int64_t slow_ms = 0;
  std::optional<std::int64_t> late_accept_ms;
  std::optional<std::int64_t> late_reject_ms;
};

/// Same seed, same rules and same questions: same answers. Not persisted: a restart of the broker clears all faults.
class fault_switches {
 public:
  static constexpr std::int64_t delay_ms_max = 3'600'000;
  static constexpr std::size_t rules_max = 4096;

  explicit fault_switches(std::uint64_t seed) : dice_{seed} {}

  /// Replaces the rule for the same fault, operation and account; one that can never fire removes it. False, and
  /// nothing is changed, when a number is out of range, the fault does not exist for the operation, or there are
  /// rules_max rules.
  bool set(const fault_rule& rule);
  /// Every rule of one account; without an account every rule.
  void clear(account_id account = {});
  std::vector<fault_rule> rules() const;

  fault_draw draw(broker_operation on, account_id account);
  bool draw_duplicate_fill(account_id account);

 private:
  using rule_key = std::tuple<paper_fault, broker_operation, account_id>;
  /// The delay of the rule that fired, or nullopt.
  std::optional<std::int64_t> fire(paper_fault fault, broker_operation on, account_id account);

  std::map<rule_key, fault_rule> rules_;
  dice dice_;
};

}  // namespace sb
